"""Selection by perturbation."""

import numpy as np
import pytest
import torch

from swarmnas.networks import Supernet
from swarmnas.search.gradients import mixing_of
from swarmnas.search.read_out import select_by_perturbation
from swarmnas.spaces import create


class Valued:
    """A stand-in for a supernet: the loss falls by a known worth of each operation in use."""

    def __init__(self, worth):
        self.worth = worth

    def evaluate_swarm(self, images, labels, *, mixing):
        rows = [-(mixing[name] * worth).sum((1, 2)) for name, worth in self.worth.items()]
        return torch.as_tensor(sum(rows))


BATCH = (torch.zeros(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64))


@pytest.mark.parametrize("seed", range(3))
def test_what_costs_most_to_lose_is_kept(seed):
    space, draws = create("darts"), np.random.default_rng(seed)
    worth = {name: draws.random(shape) for name, shape in space.alpha_shapes.items()}
    mixing = {n: draws.dirichlet(np.ones(8), size=14) for n in space.alpha_shapes}
    genotype = select_by_perturbation(Valued(worth), space, mixing, [BATCH], rng=draws)
    for name, columns in space.indices_of(genotype).items():
        cell = space.cells[name]
        value = worth[name] * mixing[name]
        value[:, cell.operations.index("none")] = -1
        best = value.argmax(1)
        decided = worth[name][np.arange(14), best]
        for node in range(2, 6):
            edges = [n for n, edge in enumerate(cell.edges) if edge.target == node]
            kept = sorted(edges, key=lambda edge: -decided[edge])[:2]
            assert {n for n in edges if columns[n] >= 0} == set(kept)
            assert all(columns[n] == best[n] for n in kept)


def test_a_loss_that_is_no_number_is_the_greatest():
    space = create("nasbench201")
    worth = {"cell": np.ones((6, 5))}

    class Fragile(Valued):
        def evaluate_swarm(self, images, labels, *, mixing):
            losses = super().evaluate_swarm(images, labels, mixing=mixing)
            losses[torch.as_tensor(mixing["cell"][:, :, 2] == 0).any(1)] = float("nan")
            return losses

    mixing = {"cell": np.full((6, 5), 0.2)}
    rng = np.random.default_rng(0)
    genotype = select_by_perturbation(Fragile(worth), space, mixing, [BATCH], rng=rng)
    first = np.random.default_rng(0).permutation(6)[0]
    assert space.indices_of(genotype)["cell"][first] == 2


@pytest.mark.parametrize(("name", "cells"), [("nasbench201", 1), ("darts-s1", 3)])
def test_the_selection_is_a_genotype_and_changes_nothing_else(name, cells):
    space = create(name)
    net = Supernet(space, num_classes=4, in_channels=1, channels=2, cells=cells, seed=0)
    generator = torch.Generator().manual_seed(0)
    batches = [(torch.randn(8, 1, 8, 8, generator=generator), torch.arange(8) % 4)] * 2
    mixing = {name: rows.detach().numpy() for name, rows in mixing_of(net).items()}
    before = {name: rows.copy() for name, rows in mixing.items()}
    found = {
        select_by_perturbation(net, space, mixing, batches, rng=np.random.default_rng(0))
        for _ in range(2)
    }
    (genotype,) = found
    assert space.parse(genotype.to_text()) == genotype
    assert all(np.array_equal(before[name], mixing[name]) for name in mixing)
