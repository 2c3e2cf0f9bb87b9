"""Costly readings: the dominant eigenvalue, gradient agreement, rankings."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swarmnas.networks import Supernet
from swarmnas.search.drivers import write_alphas
from swarmnas.search.gradients import alpha_loss, mixing_of
from swarmnas.search.probes import (
    AlphaHessian,
    dominant_eigenvalue,
    freeze,
    gradient_agreement,
    operation_modules,
    operation_ranking,
)
from swarmnas.spaces import create


def batch(seed, *, count=12, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 1, 8, 8, generator=generator, dtype=dtype)
    return images, torch.arange(count) % 4


def supernet(space="nasbench201", **settings):
    settings = {"num_classes": 4, "in_channels": 1, "channels": 2, "cells": 1, "seed": 0} | settings
    return Supernet(create(space), **settings)


@given(
    eigenvalues=st.lists(st.floats(-5, 5, allow_subnormal=False), min_size=1, max_size=12),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_largest_eigenvalue_and_not_the_largest_absolute_one(eigenvalues, seed):
    draws = np.random.default_rng(seed)
    size = len(eigenvalues)
    basis, _ = np.linalg.qr(draws.standard_normal((size, size)))
    matrix = basis @ np.diag(eigenvalues) @ basis.T
    found = dominant_eigenvalue(matrix.dot, size, rng=draws, tolerance=1e-6)
    assert found == pytest.approx(max(eigenvalues), rel=1e-3, abs=1e-4)


def test_an_eigenvalue_of_what_is_no_number_is_none():
    assert np.isnan(dominant_eigenvalue(lambda v: v * np.nan, 3, rng=np.random.default_rng(0)))


@pytest.mark.parametrize("seed", range(4))
def test_power_iteration_meets_the_dense_eigenvalue(seed):
    net = supernet(seed=seed).double()
    hessian = AlphaHessian(net, batch(seed, dtype=torch.float64), weight_decay=1e-3)
    dense = np.stack([hessian(row) for row in np.eye(hessian.size)])
    np.testing.assert_allclose(dense, dense.T, atol=1e-9)
    exact = np.linalg.eigvalsh(dense)[-1]
    hessian.products = 0
    found = dominant_eigenvalue(hessian, hessian.size, rng=np.random.default_rng(seed))
    assert found == pytest.approx(exact, rel=0.01)
    assert hessian.products <= 15  # seen: 7 to 11 of 30


def test_power_iteration_costs_a_tenth_of_the_dense_one_on_darts():
    net = supernet("darts", cells=3)
    hessian = AlphaHessian(net, batch(0, count=4))
    assert hessian.size == 224
    rough = dominant_eigenvalue(hessian, 224, rng=np.random.default_rng(0))
    assert hessian.products <= 22
    fine = dominant_eigenvalue(hessian, 224, rng=np.random.default_rng(1), tolerance=1e-4)
    assert rough == pytest.approx(fine, rel=0.01)


def test_products_are_those_of_the_second_derivative():
    net = supernet().double()
    write_alphas(net, {"cell": np.random.default_rng(0).standard_normal((6, 5))})
    data = batch(0, dtype=torch.float64)
    hessian = AlphaHessian(net, data, temperature=2.0)
    direction, step = np.random.default_rng(1).standard_normal(30), 1e-5
    here = net.alphas["cell"].detach().clone()

    def gradient(sign):
        moved = here + sign * step * torch.as_tensor(direction).reshape(6, 5)
        moved.requires_grad_()
        loss = alpha_loss(net, mixing_of(net, {"cell": moved}, temperature=2.0), data)
        return torch.autograd.grad(loss, moved)[0].flatten().numpy()

    expected = (gradient(1) - gradient(-1)) / (2 * step)
    np.testing.assert_allclose(hessian(direction), expected, rtol=1e-4, atol=1e-7)


def test_equal_batches_agree_and_opposed_ones_do_not():
    net, mixing = supernet(), mixing_of(supernet())
    mixing = {name: rows.detach() for name, rows in mixing.items()}
    images, labels = batch(0)
    same = gradient_agreement(net, mixing, [((images, labels), (images, labels))])
    assert set(same) == set(operation_modules(net))
    for name, module in operation_modules(net).items():
        # A tensor's cosine is 1, but 0 where its gradient is: behind a ReLU that never opens.
        dead = [
            g.abs().sum(0).eq(0).double().mean().item()
            for g in torch.autograd.grad(
                alpha_loss(net, mixing, (images, labels)), list(module.parameters())
            )
        ]
        assert same[name] == pytest.approx(1 - np.mean(dead), abs=1e-5)
    other = gradient_agreement(net, mixing, [(batch(1), batch(2)), (batch(3), batch(4))])
    assert all(-1 <= value < 1 for value in other.values())


def test_agreement_is_the_mean_cosine_along_the_first_dimension():
    net = supernet()
    mixing = {name: rows.detach() for name, rows in mixing_of(net).items()}
    pairs = [(batch(1), batch(2)), (batch(3), batch(4))]
    name, module = next(iter(operation_modules(net).items()))
    expected = []
    for ours, theirs in pairs:
        one, other = (
            torch.autograd.grad(alpha_loss(net, mixing, data), list(module.parameters()))
            for data in (ours, theirs)
        )
        cosines = [
            ((a * b).sum(0) / (a.norm(dim=0) * b.norm(dim=0)).clamp_min(1e-8)).mean().item()
            for a, b in zip(one, other, strict=True)
        ]
        expected.append(np.mean(cosines))
    found = gradient_agreement(net, mixing, pairs)[name]
    assert found == pytest.approx(np.mean(expected), abs=1e-6)


def test_frozen_operations_train_no_further_and_are_not_read():
    net = supernet()
    mixing = {name: rows.detach() for name, rows in mixing_of(net).items()}
    names = list(operation_modules(net))
    frozen, free = names[0], names[1]
    before = [w.detach().clone() for w in operation_modules(net)[frozen].parameters()]
    freeze(net, [frozen])
    sgd = torch.optim.SGD(net.weight_parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    for _ in range(2):
        sgd.zero_grad()
        alpha_loss(net, mixing_of(net), batch(0)).backward()
        sgd.step()
    after = operation_modules(net)[frozen].parameters()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    found = gradient_agreement(net, mixing, [(batch(1), batch(2))])
    assert frozen not in found
    assert free in found
    assert net.alphas["cell"].grad is not None


def test_the_ranking_names_operations_with_weights_by_falling_alpha():
    net = supernet()
    rows = np.zeros((6, 5))
    rows[:, 2], rows[:, 3] = 1.0, 2.0  # nor_conv_1x1, nor_conv_3x3
    rows[1, 2] = 3.0
    rows[:, 1] = 9.0  # a skip connection has no weights
    write_alphas(net, {"cell": rows})
    first, second, *_ = operation_ranking(net).split("; ")
    assert first == "cell 0->1 nor_conv_3x3>nor_conv_1x1"
    assert second == "cell 0->2 nor_conv_1x1>nor_conv_3x3"
    assert operation_ranking(net).count(";") == 5


def test_an_edge_with_one_operation_with_weights_has_no_ranking():
    # Two operations an edge; a skip connection has weights only where it shrinks images.
    ranked = operation_ranking(supernet("darts-s2", cells=3)).split("; ")
    assert {entry.split()[0] for entry in ranked} == {"reduce"}
