"""Nothing knows an operation or an edge by its number: in another order all comes out alike."""

import re

import numpy as np
import pytest
import torch

from swarmnas import rng
from swarmnas.networks import Supernet
from swarmnas.optimizers import create as create_optimizer
from swarmnas.phases import Epochs, Phase
from swarmnas.search.candidates import climb
from swarmnas.search.drivers import GradientDriver, Origin, SwarmDriver, read_alphas, write_alphas
from swarmnas.spaces import Adapter, Cell, CellSpace, create

OPERATIONS = np.array([3, 1, 4, 0, 2])
EDGES = np.array([5, 2, 0, 4, 1, 3])


def permuted(space):
    """Return the space with its operations and edges in another order."""
    cell = space.cells["cell"]
    shuffled = Cell(
        num_inputs=cell.num_inputs,
        num_nodes=cell.num_nodes,
        edges=[cell.edges[edge] for edge in EDGES],
        operations=tuple(cell.operations[operation] for operation in OPERATIONS),
        output=cell.output,
        excluded=cell.excluded,
    )
    return CellSpace(space.name, {"cell": shuffled}, layout=space.layout)


def in_its_order(rows):
    """Return alphas ``(..., E, O)`` of the plain space in the order of the permuted one."""
    return rows[..., EDGES, :][..., OPERATIONS]


def renamed(key):
    """Return the plain space's name of one of the permuted supernet's weights."""
    return re.sub(
        r"edges\.(\d+)\.(\d+)\.",
        lambda at: f"edges.{EDGES[int(at[1])]}.{OPERATIONS[int(at[2])]}.",
        key,
    )


@pytest.fixture
def pair():
    """Return two spaces and their supernets of equal weights and alphas, in double precision."""
    space = create("nasbench201")
    other = permuted(space)
    made = {"num_classes": 4, "in_channels": 1, "channels": 2, "cells": 1}
    plain, shuffled = Supernet(space, seed=0, **made), Supernet(other, seed=1, **made)
    weights = plain.state_dict()
    shuffled.load_state_dict({k: weights[renamed(k)] for k in shuffled.state_dict()})
    alphas = np.random.default_rng(0).normal(size=(6, 5))
    write_alphas(plain, {"cell": alphas})
    write_alphas(shuffled, {"cell": in_its_order(alphas)})
    return (space, plain.double()), (other, shuffled.double())


@pytest.fixture
def batch():
    draws = torch.Generator().manual_seed(0)
    return torch.randn(12, 1, 8, 8, generator=draws, dtype=torch.float64), torch.arange(12) % 4


def choices(genotype):
    return {(choice.source, choice.target): choice.operation for choice in genotype.cells[0][1]}


def test_the_same_alphas_read_as_the_same_cell(pair):
    (space, plain), (other, shuffled) = pair
    assert choices(space.decode(read_alphas(plain))) == choices(other.decode(read_alphas(shuffled)))


@pytest.mark.parametrize("kind", ["mixing", "operations"])
def test_particles_have_the_same_losses(pair, batch, kind):
    (space, plain), (other, shuffled) = pair
    alphas = np.random.default_rng(1).normal(size=(7, 6, 5))
    theirs = {"cell": in_its_order(alphas)}
    if kind == "operations":
        ours, theirs = space.decode_indices({"cell": alphas}), other.decode_indices(theirs)
    else:
        ours, theirs = (
            {"cell": torch.as_tensor(rows).softmax(-1)} for rows in (alphas, theirs["cell"])
        )
    expected = plain.evaluate_swarm(*batch, **{kind: ours})
    got = shuffled.evaluate_swarm(*batch, **{kind: theirs})
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-12)
    assert len(torch.unique(expected)) > 1


@pytest.mark.parametrize("order", [1, 2])
def test_a_gradient_moves_the_alphas_alike(pair, batch, order):
    phase = Phase(name="p", alphas="gradient", order=order, beta_decay=0.1, entropy_penalty=0.1)
    moved = []
    for _, supernet in pair:
        sgd = torch.optim.SGD(supernet.weight_parameters(), lr=0.025)
        GradientDriver(supernet, phase, sgd).step(batch, batch, phase_epochs=0)
        moved.append(read_alphas(supernet)["cell"])
    np.testing.assert_allclose(moved[1], in_its_order(moved[0]), rtol=1e-7)


def test_candidates_come_in_the_same_order(pair):
    (space, _), (other, _) = pair
    alphas, costs = np.random.default_rng(4).normal(size=(2, 6, 5))

    def judge(space, costs):
        rows = np.arange(6)
        return lambda ones: [costs[rows, space.indices_of(one)["cell"]].sum() for one in ones]

    tried = []
    for where, rows, own in (
        (space, alphas, costs),
        (other, in_its_order(alphas), in_its_order(costs)),
    ):
        answer = where.decode({"cell": rows})
        tried.append(climb(where, [answer], {"cell": rows}, judge(where, own), most=49))
    plain, shuffled = (list(map(choices, scores)) for scores in tried)
    assert plain == shuffled
    np.testing.assert_allclose(*(list(scores.values()) for scores in tried), rtol=1e-12)


def test_a_generation_moves_the_swarm_alike_but_for_its_draws(pair, batch):
    """The particles are put in place, so only losses and competitions act, which draw pairs alike.

    A winner stays where it is: who wins does not depend on the order.
    """
    phase = Phase(
        name="s", alphas="swarm", optimizer="cso", population_size=8, until=[Epochs(at_least=2)]
    )
    stayed = []
    start = np.random.default_rng(2).normal(size=(8, 6, 5)).clip(-2, 2)
    for (space, supernet), rows in zip(pair, (start, in_its_order(start)), strict=True):
        driver = SwarmDriver(
            supernet,
            Adapter(space),
            phase,
            space.decode_indices,
            origin=Origin(epoch=0, centre=read_alphas(supernet), spread=None),
            seed=rng.seed_sequence(0),
        )
        driver.swarm = create_optimizer(
            "cso",
            bounds=Adapter(space).bounds,
            population_size=8,
            initial_positions=rows.reshape(8, -1),
            noisy=True,
            seed=0,
        )
        driver.step(batch, phase_epochs=0)
        kept = driver.swarm.positions.reshape(8, 6, 5) == rows
        stayed.append(kept.all(axis=(1, 2)).tolist())
    assert stayed[0] == stayed[1]
    assert 0 < sum(stayed[0]) < 8
