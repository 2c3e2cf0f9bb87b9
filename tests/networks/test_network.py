import csv
import gzip

import numpy as np
import pytest
import torch

from swarmnas.errors import SettingError, ShapeError
from swarmnas.networks import Network, Supernet, cost_of
from swarmnas.spaces import create, named_genotype
from tests.networks.helpers import CHAIN, batch, space_of
from tests.shared_data import shared_file

PUBLISHED = {"DARTS_V1": 3169414, "DARTS_V2": 3349342, "PC_DARTS_cifar": 3634678}


@pytest.mark.parametrize("name", PUBLISHED)
def test_darts_networks_have_the_published_number_of_parameters(name):
    with torch.device("meta"):
        network = Network(
            create("darts"), named_genotype(name), num_classes=10, channels=36, cells=20
        )
    assert sum(weights.numel() for weights in network.parameters()) == PUBLISHED[name]


@pytest.mark.parametrize(
    ("name", "cells"), [("nasbench201", 2), ("darts", 4), ("darts-s1", 5), ("chain-of-four", 1)]
)
def test_cost_counts_what_is_built(name, cells):
    space = space_of(name)
    genotype = space.random_genotype(np.random.default_rng(0))
    settings = {"num_classes": 7, "in_channels": 1, "channels": 6, "cells": cells}
    network = Network(space, genotype, **settings)
    cost = cost_of(space, genotype, **settings)
    assert cost.parameters == sum(weights.numel() for weights in network.parameters())


def test_all_cells_of_the_benchmark_cost_what_its_table_says():
    space = create("nasbench201")
    with gzip.open(shared_file("nasbench201_cifar10.csv.gz"), "rt") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 15625
    wrong = [
        row["arch"]
        for row in rows
        if cost_of(space, space.parse(row["arch"]), num_classes=10)
        != (int(row["cifar10_params"]), int(row["cifar10_flops"]))
    ]
    assert wrong == []


def test_flops_by_hand():
    # One skip-connected cell a stage, C=1, one grey pixel-pair image of side 4: stem 9 * 16; the
    # residual blocks (9*2 + 9*2*2 + 2) * 4 and (9*2*4 + 9*4*4 + 2*4) * 1; classifier 4 * 3 + 3.
    space = create("nasbench201")
    genotype = space.parse("|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|")
    cost = cost_of(space, genotype, num_classes=3, in_channels=1, channels=1, cells=1, image_size=4)
    assert cost.flops == 144 + 56 * 4 + 224 + 15


# Spaces without poolings that the supernet alone normalises.
@pytest.mark.parametrize(("name", "cells"), [("nasbench201", 1), ("darts-s2", 3)])
def test_network_is_what_the_supernet_holds(name, cells):
    """With weights copied from it, a network without affine gives the discrete forward."""
    space = create(name)
    net = Supernet(space, num_classes=5, channels=4, cells=cells, seed=0)
    genotype = space.random_genotype(np.random.default_rng(3))
    network = Network(space, genotype, num_classes=5, channels=4, cells=cells, affine=False)
    columns = space.indices_of(genotype)
    for ours, theirs in zip(network.stack.blocks, net.stack.blocks, strict=True):
        if hasattr(ours, "edges"):
            ours.inputs.load_state_dict(theirs.inputs.state_dict(), strict=False)
            for edge, column in enumerate(columns[ours.place.cell]):
                if column >= 0:
                    state = theirs.edges[edge][column].state_dict()
                    ours.edges[edge][0].load_state_dict(state, strict=False)
        else:
            ours.load_state_dict(theirs.state_dict(), strict=False)
    network.stack.stem.load_state_dict(net.stack.stem.state_dict(), strict=False)
    network.stack.head.load_state_dict(net.stack.head.state_dict(), strict=False)
    images, _ = batch()
    torch.testing.assert_close(
        network(images), net.forward_discrete(images, columns), rtol=1e-4, atol=1e-5
    )


def test_one_image_is_legal_in_evaluation_mode_alone():
    space = create("nasbench201")
    genotype = space.random_genotype(np.random.default_rng(0))
    network = Network(space, genotype, num_classes=5, channels=4, cells=1, seed=0)
    images, _ = batch()
    with pytest.raises(ShapeError, match="two or more"):
        network(images[:1])
    network(images)
    assert network.eval()(images[:1]).shape == (1, 5)


def test_genotype_of_another_space_is_refused():
    with pytest.raises(SettingError, match="space 'nasbench201'"):
        Network(
            create("nasbench201"), named_genotype("DARTS_V2"), num_classes=5, channels=4, cells=1
        )


@pytest.mark.parametrize(("cells", "halved"), [(1, [1, 2]), (2, [2, 5])])
def test_chain_halves_and_widens_at_a_third_and_two_thirds(cells, halved):
    genotype = CHAIN.random_genotype(np.random.default_rng(0))
    network = Network(CHAIN, genotype, num_classes=5, channels=4, cells=cells, seed=0)
    shapes = [block.shape(edge) for block in network.stack.blocks for edge in range(4)]
    assert [at for at, shape in enumerate(shapes) if shape.stride == 2] == halved
    assert [shape.channels_out // shape.channels_in for shape in shapes] == [
        shape.stride for shape in shapes
    ]
    assert network.eval()(torch.zeros(2, 3, 16, 16)).shape == (2, 5)
