"""Partial channels, edge normalisation, auxiliary skip connections, drop path."""

import pytest
import torch
from torch.nn import functional

from swarmnas.errors import SettingError, UnknownNameError
from swarmnas.networks import Supernet
from swarmnas.networks.partial import interleave
from tests.networks.helpers import CHAIN, architectures, batch, mixtures, row, supernet

OPTIONS = [{"partial_channels": 2}, {"auxiliary_skip": True}, {"edge_normalisation": True}]
SPACES = [("nasbench201", 1), ("darts", 3), ("darts-s3", 3)]


@pytest.mark.parametrize(("name", "cells"), SPACES)
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: next(iter(options)))
def test_swarm_has_the_losses_of_each_particle_alone(name, cells, options):
    net, (images, labels) = supernet(name, cells, **options), batch(4)
    tables = mixtures(net.space, 3)
    alone = [functional.cross_entropy(net(images, row(tables, p)), labels) for p in range(3)]
    losses = net.evaluate_swarm(images, labels, mixing=tables)
    torch.testing.assert_close(losses, torch.stack(alone).detach(), rtol=1e-5, atol=0)
    columns = architectures(net.space, 4)
    alone = [
        functional.cross_entropy(net.forward_discrete(images, row(columns, p)), labels)
        for p in range(4)
    ]
    losses = net.evaluate_swarm(images, labels, operations=columns)
    torch.testing.assert_close(losses, torch.stack(alone).detach(), rtol=1e-5, atol=0)


def mixed_edge(operations, weights, images, parts, stride):
    """One edge as published: operations on a share, the rest pooled, concatenated, shuffled."""
    first = images.shape[1] // parts
    worked = sum(w * o(images[:, :first]) for w, o in zip(weights, operations, strict=True))
    rest = images[:, first:]
    if stride == 2:
        rest = functional.max_pool2d(rest, 2, 2)
    joint = torch.cat([worked, rest], dim=1)
    shares = joint.view(len(joint), parts, -1, *joint.shape[2:])
    return shares.transpose(1, 2).reshape(joint.shape)


def test_partial_channels_are_those_of_the_paper():
    net = supernet("darts", 3, channels=8, partial_channels=4, edge_normalisation=True)
    for reduces, block in ((False, net.stack.blocks[0]), (True, net.stack.blocks[1])):
        cell = "reduce" if block.place.reduces else "normal"
        reduces = block.place.reduces
        images = [torch.randn(3, block.place.channels, 8, 8) for _ in range(2)]
        block.enter = lambda inputs, batch, **_: list(inputs)
        table = net.mixing()[cell].detach()
        with torch.no_grad():
            nodes = list(images)
            edges = iter(range(14))
            for _ in range(4):
                total = 0
                for source in range(len(nodes)):
                    edge = next(edges)
                    share = table[edge].sum()  # the softmax of the edge's beta
                    total = total + share * mixed_edge(
                        block.edges[edge],
                        table[edge] / share,
                        nodes[source],
                        4,
                        2 if reduces and source < 2 else 1,
                    )
                nodes.append(total)
            terms = [list(enumerate(line.unbind())) for line in table]
            ours = block(images, terms)
        torch.testing.assert_close(ours, torch.cat(nodes[2:], dim=1), rtol=1e-4, atol=1e-5)


def test_shuffle_takes_from_each_share_in_turn():
    images = torch.arange(8.0).reshape(1, 8, 1, 1)
    assert interleave(images[:, :2], images[:, 2:], 4).flatten().tolist() == [
        0, 2, 4, 6, 1, 3, 5, 7,
    ]  # fmt: skip


def test_weights_of_the_edges_into_a_node_sum_to_one_and_have_gradients():
    net, (images, labels) = supernet("darts", 3, edge_normalisation=True), batch(4)
    with torch.no_grad():
        net.betas["normal"].copy_(torch.arange(14.0))
    shares = net.mixing()["normal"].sum(1)
    for first, last in ((0, 2), (2, 5), (5, 9), (9, 14)):
        assert shares[first:last].detach().tolist() == pytest.approx(
            torch.arange(float(first), last).softmax(0).tolist()
        )
    functional.cross_entropy(net(images), labels).backward()
    assert all(betas.grad.abs().sum() > 0 for betas in net.betas.values())
    assert len(net.alpha_parameters()) == 4
    assert not {id(p) for p in net.weight_parameters()} & {id(p) for p in net.alpha_parameters()}


def test_auxiliary_skip_is_added_and_fades():
    plain, net = supernet(), supernet(auxiliary_skip=True)
    images, _ = batch()
    with torch.no_grad():
        for target, source in zip(net.parameters(), plain.parameters(), strict=True):
            target.copy_(source)  # at stride 1 the skip connection is the identity
    mixing = {"cell": torch.full((6, 5), 0.2)}
    more = {"cell": mixing["cell"] + torch.tensor([0.0, 0.5, 0.0, 0.0, 0.0])}
    net.auxiliary_weight = 0.5
    torch.testing.assert_close(net(images, mixing), plain(images, more))
    net.auxiliary_weight = 0.0
    torch.testing.assert_close(net(images, mixing), plain(images, mixing))


def test_drop_path_drops_in_training_alone_and_keeps_the_mean():
    net, (images, labels) = supernet("darts", 3), batch(4)
    whole = net(images)
    net.drop_path = 0.5
    torch.manual_seed(0)
    first, second = net(images), net(images)
    torch.manual_seed(0)
    assert torch.equal(net(images), first)
    assert not torch.allclose(first, second)
    assert torch.equal(net.eval()(images), whole)
    net.train()
    tables = mixtures(net.space, 2)
    losses = net.evaluate_swarm(images, labels, mixing=tables)
    net.drop_path = 0.0
    alone = [functional.cross_entropy(net(images, row(tables, p)), labels) for p in range(2)]
    torch.testing.assert_close(losses, torch.stack(alone).detach(), rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    ("space", "options", "message"),
    [
        (None, {"partial_channels": 0}, "partial_channels: expected an integer >= 1"),
        (None, {"partial_channels": 3}, "a divisor of the channels"),
        (CHAIN, {"partial_channels": 2}, "which no edge changes"),
    ],
)
def test_options_that_do_not_fit_are_refused(space, options, message):
    with pytest.raises(SettingError, match=message):
        Supernet(space or supernet().space, num_classes=5, channels=4, cells=1, **options)


def test_drop_path_must_be_a_probability():
    with pytest.raises(SettingError, match="drop_path: expected a finite number >= 0"):
        supernet().drop_path = 1.0


@pytest.mark.parametrize(("name", "cells"), [("nasbench201", 1), ("chain-of-four", 2)])
def test_half_the_width_gives_nearly_the_same(name, cells):
    wide, narrow = (supernet(name, cells, precision=p) for p in ("float32", "bfloat16"))
    images, labels = batch(8)
    tables, columns = mixtures(wide.space, 3), architectures(wide.space, 3)
    found = []
    for net in (wide, narrow):
        logits = net(images)
        assert logits.dtype is torch.float32
        functional.cross_entropy(logits, labels).backward()
        found.append(
            [
                logits.detach().flatten(),
                net.evaluate_swarm(images, labels, mixing=tables),
                net.evaluate_swarm(images, labels, operations=columns),
                torch.cat([alpha.grad.flatten() for alpha in net.alpha_parameters()]),
            ]
        )
        assert all(weight.dtype is torch.float32 for weight in net.parameters())
    for one, other in zip(*found, strict=True):
        assert not torch.equal(one, other)
        assert functional.cosine_similarity(one, other, dim=0) > 0.95


def test_precision_that_is_none_names_the_known():
    with pytest.raises(UnknownNameError, match="precision: unknown name 'float8'"):
        supernet(precision="float8")
