"""The discrete network as a training sees it: reference arithmetic, two heads, drop path."""

import copy

import pytest
import torch
from torch.nn import functional

from perf.reference_networks import NetworkDarts, copy_weights
from swarmnas.networks import Network, cost_of
from swarmnas.spaces import create, named_genotype

DARTS = create("darts")
V2 = named_genotype("DARTS_V2")
LABELS = torch.tensor([0, 3, 4])
SIZES = {"num_classes": 5, "channels": 4, "cells": 4}


def edges(cell):
    return [(choice.operation, choice.source) for choice in V2.choices(cell)]


def both():
    ours = Network(DARTS, V2, **SIZES, auxiliary=True, seed=0).double()
    theirs = NetworkDarts(edges("normal"), edges("reduce"), 5, 4, 4).double()
    copy_weights(ours, theirs)
    return ours, theirs


def images(count=3, side=32):
    draw = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, side, side, generator=draw, dtype=torch.float64)


@pytest.mark.parametrize("drop", [0.0, 0.3])
def test_step_equals_plain_modules_written_from_the_paper(drop, monkeypatch):
    """Logits of both heads, every gradient and the running statistics."""
    ours, theirs = both()
    ours.drop_path = theirs.drop_path = drop
    if drop:
        monkeypatch.setattr(torch, "rand", _one_image_dropped)
    found = []
    for network in (ours, theirs):
        logits, auxiliary = network(images())
        loss = functional.cross_entropy(logits, LABELS)
        (loss + 0.4 * functional.cross_entropy(auxiliary, LABELS)).backward()
        found.append((logits, auxiliary))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    ours_as_theirs = copy.deepcopy(theirs)
    copy_weights(ours, ours_as_theirs)
    torch.testing.assert_close(  # running means and variances
        dict(ours_as_theirs.named_buffers()), dict(theirs.named_buffers())
    )
    with torch.no_grad():
        for weights in [*ours.parameters(), *theirs.parameters()]:
            weights.copy_(weights.grad)
    copy_weights(ours, ours_as_theirs)
    torch.testing.assert_close(
        dict(ours_as_theirs.named_parameters()), dict(theirs.named_parameters())
    )


def _one_image_dropped(*shape):
    """Draws of the same pattern for each path: of three images the second is left out."""
    return torch.tensor([0.5, 0.9, 0.1]).view(3, 1, 1, 1).expand(*shape)


def test_published_sizes():
    with torch.device("meta"):
        cifar = Network(DARTS, V2, num_classes=10, channels=36, cells=20, auxiliary=True)
        imagenet = Network(DARTS, V2, num_classes=1000, channels=48, cells=14, large_images=True)
    auxiliary = sum(weights.numel() for weights in cifar.auxiliary.parameters())
    assert sum(weights.numel() for weights in cifar.parameters()) - auxiliary == 3349342
    # 576 -> 128 (1x1) -> 768 (2x2), two normalisations, a classifier of 768.
    assert auxiliary == 576 * 128 + 256 + 128 * 768 * 4 + 1536 + 7690
    assert sum(weights.numel() for weights in imagenet.parameters()) == 4718752
    settings = {"num_classes": 1000, "channels": 48, "cells": 14, "large_images": True}
    cost = cost_of(DARTS, V2, **settings, image_size=224)
    assert cost.parameters == 4718752
    assert 5.2e8 < cost.flops < 5.8e8  # the paper: below 600 M multiply-adds, 574 M


def test_drop_path_spares_the_identity_and_keeps_the_mean():
    space = create("nasbench201")
    skips = space.parse("|skip_connect~0|+|skip_connect~0|none~1|+|skip_connect~0|none~1|none~2|")
    network = Network(space, skips, num_classes=5, channels=2, cells=1, seed=0)
    batch = images(4, 8).float()
    before = network(batch)
    network.drop_path = 0.9
    assert torch.equal(network(batch), before)
    pools = space.parse("|none~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|none~2|")
    network = Network(space, pools, num_classes=5, channels=2, cells=1, seed=0)
    block, whole = network.stack.blocks[0], []
    network.drop_path = 0.25
    block.register_forward_hook(lambda module, given, output: whole.append(output.detach()))
    torch.manual_seed(0)
    for _ in range(300):
        network(batch)
    network.drop_path = 0.0
    network(batch)
    kept = torch.stack(whole[:-1])
    dropped = kept.flatten(2).abs().amax(2) == 0
    assert float(dropped.float().mean()) == pytest.approx(0.25, abs=0.05)
    scale = kept.mean(0).norm() / whole[-1].norm()
    assert float(scale) == pytest.approx(1.0, abs=0.05)


def test_evaluation_knows_neither_the_second_head_nor_drop_path():
    network = Network(DARTS, V2, **SIZES, auxiliary=True, seed=0)
    plain = Network(DARTS, V2, **SIZES, seed=0)
    state = {n: t for n, t in network.state_dict().items() if not n.startswith("auxiliary.")}
    plain.load_state_dict(state)
    network.drop_path = 0.5
    batch = images(1).float()
    assert torch.equal(network.eval()(batch), plain.eval()(batch))


@pytest.mark.parametrize("side", [4, 12, 20, 28, 64])
def test_second_head_takes_images_of_any_side(side):
    network = Network(DARTS, V2, **SIZES, auxiliary=True, seed=0)
    logits, auxiliary = network(images(2, side).float())
    assert logits.shape == auxiliary.shape == (2, 5)
    (logits.sum() + auxiliary.sum()).backward()
    assert all(torch.isfinite(weights.grad).all() for weights in network.parameters())
