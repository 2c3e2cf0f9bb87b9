import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from swarmnas.errors import DataError, SettingError, ShapeError, UnknownNameError
from swarmnas.networks import Supernet
from swarmnas.networks.operations import ReluConvBatchNorm
from swarmnas.spaces import Cell, CellSpace, create
from tests.networks.helpers import SPACES, architectures, batch, mixtures, row, supernet


def reference_modules():
    path = Path(__file__).parents[2] / "perf" / "reference_supernets.py"
    spec = importlib.util.spec_from_file_location("reference_supernets", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "reference", "cells"),
    [("nasbench201", "Supernet201", 2), ("darts", "SupernetDarts", 4)],
)
def test_same_weights_same_logits_and_gradients_as_straightforward_modules(name, reference, cells):
    ours = supernet(name, cells, channels=4).double()
    theirs = getattr(reference_modules(), reference)(5, 4, cells).double()
    pairs = list(zip(ours.weight_parameters(), theirs.parameters(), strict=True))
    with torch.no_grad():
        for source, target in pairs:
            target.copy_(source)
    images, labels = batch(6, 16)
    gradients = []
    for net, weights in ((ours, ours.weight_parameters()), (theirs, list(theirs.parameters()))):
        mixing = {
            k: v.double().requires_grad_() for k, v in row(mixtures(ours.space, 1), 0).items()
        }
        logits = net(images.double(), mixing)
        loss = functional.cross_entropy(logits, labels)
        gradients.append([logits, *torch.autograd.grad(loss, [*mixing.values(), *weights])])
    for our, their in zip(*gradients, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("reference", "cells", "mixing", "expected"),
    [
        # An edge: six separable convolutions of two steps, two poolings, eight normalisations.
        # Besides: the stem, two adapters a cell, factorised reductions of two convolutions each
        # (eight stride-2 skips in each of two reducing cells, two adapters).
        (
            "SupernetDarts",
            8,
            {"normal": (14, 8), "reduce": (14, 8)},
            {
                nn.Conv2d: 8 * 14 * 12 + 2 * 8 * 2 + 8 * 2 + 2 + 1,
                nn.BatchNorm2d: 8 * 14 * 8 + 2 * 8 + 8 * 2 + 1,
                nn.MaxPool2d: 8 * 14,
                nn.AvgPool2d: 8 * 14,
            },
        ),
        # An edge: two convolutions and a pooling. Besides: stem, two residual blocks, last norm.
        (
            "Supernet201",
            5,
            {"cell": (6, 5)},
            {
                nn.Conv2d: 15 * 6 * 2 + 2 * 3 + 1,
                nn.BatchNorm2d: 15 * 6 * 2 + 2 * 2 + 2,
                nn.AvgPool2d: 15 * 6 + 2,
            },
        ),
    ],
)
def test_baseline_computes_what_is_published_and_nothing_more(reference, cells, mixing, expected):
    with torch.device("meta"):
        net = getattr(reference_modules(), reference)(10, 16, cells)
        images = torch.empty(2, 3, 32, 32)
    counts = dict.fromkeys(expected, 0)

    def count(module, inputs):
        if type(module) in counts:
            counts[type(module)] += 1

    for module in net.modules():
        module.register_forward_pre_hook(count)
    net(images, {cell: torch.ones(shape, device="meta") for cell, shape in mixing.items()})
    assert counts == expected


@pytest.mark.parametrize(("name", "cells"), SPACES)
class TestEverySpace:
    def test_mixture_of_one_operation_an_edge_is_the_discrete_network(self, name, cells):
        net, (images, _) = supernet(name, cells), batch()
        columns = {k: torch.as_tensor(v) for k, v in row(architectures(net.space, 1), 0).items()}
        one_hot = {
            cell: torch.eye(shape[1])[columns[cell]] * (columns[cell] >= 0)[:, None]
            for cell, shape in net.space.alpha_shapes.items()
        }
        torch.testing.assert_close(net(images, one_hot), net.forward_discrete(images, columns))

    def test_logits_are_the_same_without_gradients(self, name, cells):
        net, (images, _) = supernet(name, cells), batch()
        mixing = row(mixtures(net.space, 1), 0)
        expected = net(images, mixing)
        with torch.no_grad():
            torch.testing.assert_close(net(images, mixing), expected, rtol=1e-4, atol=1e-5)

    def test_swarm_of_mixed_networks_has_the_losses_of_each_alone(self, name, cells):
        net, (images, labels) = supernet(name, cells), batch()
        tables = mixtures(net.space, 7)
        alone = [functional.cross_entropy(net(images, row(tables, p)), labels) for p in range(7)]
        losses = net.evaluate_swarm(images, labels, mixing=tables)
        torch.testing.assert_close(losses, torch.stack(alone).detach(), rtol=1e-5, atol=0)

    @pytest.mark.parametrize("size", [6, 700], ids=["together", "in turn"])
    def test_swarm_of_discrete_networks_has_the_losses_of_each_alone(self, name, cells, size):
        net, (images, labels) = supernet(name, cells, channels=12), batch(size)
        tables = architectures(net.space, 9)
        tables = {cell: table[[0, 1, 2, 3, 4, 5, 6, 7, 8, 3]] for cell, table in tables.items()}
        alone = [
            functional.cross_entropy(net.forward_discrete(images, row(tables, p)), labels)
            for p in range(10)
        ]
        losses = net.evaluate_swarm(images, labels, operations=tables)
        torch.testing.assert_close(losses, torch.stack(alone).detach(), rtol=1e-5, atol=0)

    def test_gradient_reaches_every_alpha_and_the_mixing_alike(self, name, cells):
        net, (images, _) = supernet(name, cells), batch()
        weights = {k: v.detach().requires_grad_() for k, v in net.mixing().items()}
        net(images, weights).square().sum().backward()
        net(images).square().sum().backward()
        for cell, alphas in net.alphas.items():
            by_weight = weights[cell].grad
            mixed = weights[cell].detach()
            # The softmax's derivative: p * (g - sum(p * g)).
            expected = mixed * (by_weight - (mixed * by_weight).sum(1, keepdim=True))
            torch.testing.assert_close(alphas.grad, expected, rtol=1e-3, atol=1e-5)

    def test_groups_are_disjoint_and_whole(self, name, cells):
        net = supernet(name, cells)
        weights = {id(p) for p in net.weight_parameters()}
        alphas = {id(p) for p in net.alpha_parameters()}
        assert not weights & alphas
        assert weights | alphas == {id(p) for p in net.parameters()}
        assert {f"alphas.{cell}" for cell in net.space.cells} <= set(net.state_dict())


@pytest.mark.parametrize(("name", "cells", "dropped"), [("nasbench201", 1, 0), ("darts", 3, -1)])
def test_what_adds_nothing_to_a_particle_is_not_missed(name, cells, dropped):
    net, (images, labels), rng = supernet(name, cells), batch(), np.random.default_rng(0)
    tables = {}
    for cell, (edges, operations) in net.space.alpha_shapes.items():
        table = rng.integers(0, operations, (30, edges))
        tables[cell] = np.where(rng.random(table.shape) < 0.6, dropped, table)
    losses = net.evaluate_swarm(images, labels, operations=tables)
    alone = [
        functional.cross_entropy(net.forward_discrete(images, row(tables, p)), labels)
        for p in range(30)
    ]
    torch.testing.assert_close(losses, torch.stack(alone).detach(), rtol=1e-5, atol=0)


def test_operations_that_nobody_reads_do_not_run(monkeypatch):
    net, (images, labels) = supernet("nasbench201", 1), batch()
    ran = []
    monkeypatch.setattr(
        ReluConvBatchNorm, "together", lambda self, twins, *_: ran.append(len(twins)) or []
    )
    cells = [
        "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|skip_connect~0|none~1|skip_connect~2|",
        "|none~0|+|skip_connect~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|skip_connect~2|",
    ]
    columns = np.stack([net.space.indices_of(net.space.parse(text))["cell"] for text in cells])
    first, second = net.evaluate_swarm(images, labels, operations={"cell": columns})
    assert not ran  # node 1 is read by nobody, or nothing reaches it
    assert first == second


def test_small_memory_bound_changes_no_loss_and_nothing_is_touched():
    net, (images, labels) = supernet(), batch()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    columns = architectures(net.space, 8)
    whole = net.evaluate_swarm(images, labels, operations=columns)
    net.memory_bound = 1
    torch.testing.assert_close(net.evaluate_swarm(images, labels, operations=columns), whole)
    tables = mixtures(net.space, 5)
    one_by_one = net.evaluate_swarm(images, labels, mixing=tables)
    alone = [functional.cross_entropy(net(images, row(tables, p)), labels) for p in range(5)]
    torch.testing.assert_close(one_by_one, torch.stack(alone).detach(), rtol=1e-5, atol=0)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_running_out_of_memory_halves_the_bound_and_is_remembered():
    net, (images, labels) = supernet(), batch()
    columns = architectures(net.space, 8)
    expected = net.evaluate_swarm(images, labels, operations=columns)
    seen = []

    def refuse_large(module, inputs):
        seen.append(len(inputs[0]))
        if len(inputs[0]) > 3 * len(images):
            raise torch.OutOfMemoryError("CUDA out of memory.")

    net.stack.blocks[1].register_forward_pre_hook(refuse_large)
    losses = net.evaluate_swarm(images, labels, operations=columns)
    torch.testing.assert_close(losses, expected)
    assert max(seen) > 3 * len(images)
    seen.clear()
    net.evaluate_swarm(images, labels, operations=columns)
    assert max(seen) <= 3 * len(images)


def test_other_errors_are_not_taken_for_memory():
    net, (images, labels) = supernet(), batch()

    def fail(module, inputs):
        raise RuntimeError("something else")

    net.stack.blocks[1].register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="something else"):
        net.evaluate_swarm(images, labels, operations=architectures(net.space, 4))


def test_a_cell_that_nothing_reaches_gives_logits_all_the_same():
    net, (images, labels) = supernet(), batch()
    nothing = {"cell": torch.full((6,), -1)}
    dropped = net.forward_discrete(images, nothing)
    none = net.forward_discrete(images, {"cell": torch.zeros(6, dtype=torch.int64)})
    zero = net(images, {"cell": torch.zeros(6, 5)})
    assert torch.equal(dropped, none)
    assert torch.equal(dropped, zero)
    loss = functional.cross_entropy(dropped, labels)
    tables = {"cell": torch.stack([nothing["cell"], torch.ones(6, dtype=torch.int64)])}
    torch.testing.assert_close(net.evaluate_swarm(images, labels, operations=tables)[0], loss)
    mixed = net.evaluate_swarm(images, labels, mixing={"cell": torch.zeros(3, 6, 5)})
    torch.testing.assert_close(mixed, loss.expand(3))


def test_seed_decides_weights_and_alphas_and_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    first, second = supernet(), supernet()
    other = Supernet(create("nasbench201"), num_classes=5, channels=4, cells=1, seed=1)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(first.alphas["cell"], second.alphas["cell"])
    assert torch.equal(first.weight_parameters()[0], second.weight_parameters()[0])
    assert not torch.equal(first.alphas["cell"], other.alphas["cell"])
    assert 1e-4 < float(first.alphas["cell"].detach().std()) < 1e-2


def test_numpy_particles_and_odd_sides_and_grey_images():
    net, (images, labels) = supernet(in_channels=1), batch(4, 7, channels=1)
    columns = {"cell": np.random.default_rng(0).integers(0, 5, (3, 6))}
    assert net.evaluate_swarm(images, labels, operations=columns).shape == (3,)
    assert net.evaluate_swarm(images, labels, mixing={"cell": np.full((2, 6, 5), 0.2)}).shape == (
        2,
    )


def test_evaluation_mode_changes_nothing():
    net, (images, _) = supernet(), batch()
    assert torch.equal(net.train()(images), net.eval()(images))


def test_weight_of_exactly_zero_is_not_computed():
    net, (images, _) = supernet(), batch()
    mixing = torch.zeros(6, 5)
    mixing[:, 1] = 1.0  # skip connections alone

    def fail(module, inputs):
        raise AssertionError("ran")

    for module in net.stack.blocks[0].edges.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_pre_hook(fail)
    assert net(images, {"cell": mixing}).shape == (6, 5)


def spoiled(net):
    """Let one alpha be NaN, as after a diverged step."""
    with torch.no_grad():
        net.alphas["cell"][0, 0] = torch.nan
    return net


BAD_CALLS = {
    "channels": (lambda net, x, y: net(x[:, :1]), ShapeError, r"images: expected shape \(n, 3,"),
    "one image": (lambda net, x, y: net(x[:1]), ShapeError, "two or more"),
    "bytes": (lambda net, x, y: net(x.byte()), DataError, "floating-point"),
    "mixing shape": (
        lambda net, x, y: net(x, {"cell": torch.ones(5, 5)}),
        ShapeError,
        r"mixing\['cell'\]: expected shape \(6, 5\)",
    ),
    "mixing cell": (lambda net, x, y: net(x, {}), ShapeError, "expected the cells cell; got none"),
    "mixing nan": (
        lambda net, x, y: net(x, {"cell": torch.full((6, 5), torch.nan)}),
        SettingError,
        "finite weights; got NaN",
    ),
    "alphas nan": (
        lambda net, x, y: spoiled(net)(x),
        SettingError,
        r"mixing\['cell'\]: expected finite weights; got NaN",
    ),
    "swarm nan": (
        lambda net, x, y: net.evaluate_swarm(x, y, mixing={"cell": torch.full((1, 6, 5), np.nan)}),
        SettingError,
        "finite weights; got NaN",
    ),
    "column range": (
        lambda net, x, y: net.forward_discrete(x, {"cell": torch.full((6,), 5)}),
        SettingError,
        r"integers in -1\.\.4",
    ),
    "column type": (
        lambda net, x, y: net.forward_discrete(x, {"cell": torch.zeros(6)}),
        SettingError,
        "integers",
    ),
    "labels": (
        lambda net, x, y: net.evaluate_swarm(x, y[:2], operations={"cell": torch.zeros(1, 6)}),
        ShapeError,
        r"labels: expected shape \(6,\)",
    ),
    "neither": (lambda net, x, y: net.evaluate_swarm(x, y), SettingError, "one of mixing="),
    "no particles": (
        lambda net, x, y: net.evaluate_swarm(x, y, mixing={"cell": torch.zeros(0, 6, 5)}),
        ShapeError,
        "P >= 1",
    ),
    "no particle axis": (
        lambda net, x, y: net.evaluate_swarm(x, y, mixing={"cell": torch.zeros(6, 5)}),
        ShapeError,
        r"expected shape \(P, 6, 5\)",
    ),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_bad_calls_say_what_was_expected(case):
    call, error, message = BAD_CALLS[case]
    with pytest.raises(error, match=message):
        call(supernet(), *batch())


def space_of(layout="residual-stages", inputs=1, operation="skip_connect", output="last"):
    cell = Cell(
        num_inputs=inputs,
        num_nodes=inputs + 2,
        edges=((0, inputs), (0, inputs + 1)),
        operations=("none", operation),
        output=output,
    )
    return CellSpace("tiny", {"cell": cell}, layout=layout)


@pytest.mark.parametrize(
    ("space", "error", "message"),
    [
        ({"operation": "skip_conect"}, UnknownNameError, "Did you mean 'skip_connect'"),
        ({"layout": "residual"}, UnknownNameError, "layout: unknown name 'residual'"),
        ({"inputs": 2}, SettingError, r"one cell with 1 input\(s\); got cell with 2"),
        ({"layout": "darts-stack", "inputs": 2}, SettingError, "normal and reduce with 2"),
        ({"output": "concat"}, SettingError, "output='last'"),
    ],
)
def test_spaces_that_cannot_be_built_are_refused(space, error, message):
    with pytest.raises(error, match=message):
        Supernet(space_of(**space), num_classes=5, channels=4, cells=1)


@pytest.mark.parametrize("cells", [1, 2])
def test_a_kind_of_cell_that_occurs_nowhere_is_refused(cells):
    with pytest.raises(SettingError, match=f"cells: expected enough .*got {cells}, without normal"):
        Supernet(create("darts"), num_classes=5, cells=cells)


@pytest.mark.parametrize("setting", ["num_classes", "in_channels", "channels", "cells"])
def test_numbers_must_be_positive(setting):
    settings = {"num_classes": 5, "in_channels": 3, "channels": 4, "cells": 1, setting: 0}
    with pytest.raises(SettingError, match=f"{setting}: expected an integer >= 1"):
        Supernet(create("nasbench201"), **settings)


def test_mixtures_that_carry_a_gradient_are_judged_alike():
    net, (images, labels) = supernet(), batch()
    tables = mixtures(net.space, 3)
    expected = net.evaluate_swarm(images, labels, mixing=tables)
    tracked = {name: table.requires_grad_() for name, table in tables.items()}
    losses = net.evaluate_swarm(images, labels, mixing=tracked)
    torch.testing.assert_close(losses, expected)
    assert not losses.requires_grad
