"""Compiled weight steps: what is compiled, that nothing else changes, and what a failure says."""

import copy
import shutil

import pytest
import torch

from swarmnas import search
from swarmnas.errors import DeviceError
from tests.networks.helpers import batch, mixtures, row, supernet


def weights_stepped(net, tables):
    """Return the logits of a weight step and all gradients of weights."""
    logits = net(batch(4)[0], tables)
    logits.square().sum().backward()
    return [logits.detach(), *(w.grad for w in net.weight_parameters() if w.grad is not None)]


@pytest.fixture
def compiled(monkeypatch):
    """What torch.compile was given, which runs uncompiled, and how often it ran."""
    calls = []

    def recorded(function, **_):
        def run(*arguments):
            calls.append(function)
            return function(*arguments)

        return run

    monkeypatch.setattr(torch, "compile", recorded)
    return calls


@pytest.mark.parametrize(("name", "cells"), [("nasbench201", 1), ("darts", 3)])
def test_only_steps_of_the_weights_are_compiled(compiled, name, cells):
    plain, net = supernet(name, cells), supernet(name, cells, compile=True)
    images, labels = batch(4)
    tables = row(mixtures(net.space, 1), 0)
    for got, expected in zip(
        weights_stepped(net, tables), weights_stepped(plain, tables), strict=True
    ):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-6)
    assert len(compiled) == 1
    net(images)  # alphas that need gradients
    net.evaluate_swarm(images, labels, mixing=mixtures(net.space, 2))
    with torch.no_grad():
        net(images, tables)
    assert len(compiled) == 1


def test_a_copy_steps_its_own_weights(compiled):
    net = supernet("nasbench201", 1, compile=True)
    tables = row(mixtures(net.space, 1), 0)
    weights_stepped(net, tables)
    twin = copy.deepcopy(net)
    twin.zero_grad()
    weights_stepped(twin, tables)
    assert any(weight.grad is not None for weight in twin.weight_parameters())


def test_a_search_compiles_and_finds_the_same(compiled, tiny, tmp_path):
    plain = search.run(tiny(), out=tmp_path / "plain")
    assert not compiled
    other = search.run(tiny(compile=True), out=tmp_path / "compiled")
    assert compiled
    assert other.signals.valid_loss == pytest.approx(plain.signals.valid_loss, rel=1e-3)


def test_no_compiler_is_told_in_a_line(monkeypatch):
    from torch._dynamo.exc import TorchDynamoException

    def failing(function, **_):
        def run(*arguments):
            raise TorchDynamoException("no compiler was found\nand a long story")

        return run

    monkeypatch.setattr(torch, "compile", failing)
    net = supernet("nasbench201", 1, compile=True)
    with pytest.raises(DeviceError, match=r"^compile: expected a compiler .* no compiler was") as e:
        net(batch(4)[0], row(mixtures(net.space, 1), 0))
    assert "\n" not in str(e.value)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_the_compiler_changes_nothing_beyond_rounding():
    plain, net = supernet("nasbench201", 1), supernet("nasbench201", 1, compile=True)
    tables = mixtures(net.space, 2)
    for number in range(2):  # the second with other weights, compiled already
        plain.zero_grad()
        net.zero_grad()
        pairs = zip(
            weights_stepped(net, row(tables, number)),
            weights_stepped(plain, row(tables, number)),
            strict=True,
        )
        for got, expected in pairs:
            torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-5)
