"""What several tests of the networks draw."""

import numpy as np
import torch

from swarmnas.networks import Supernet
from swarmnas.spaces import ChoiceSpace, create

CHAIN = ChoiceSpace(
    "chain-of-four",
    [
        ("skip_connect", "sep_conv_3x3", "avg_pool_3x3"),
        ("skip_connect", "dil_conv_5x5", "max_pool_3x3"),
        ("none", "nor_conv_3x3", "nor_conv_1x1"),
        ("skip_connect", "sep_conv_3x3", "avg_pool_3x3"),
    ],
)
"""Layers of which two halve the images and double the channels."""

SPACES = [("nasbench201", 1), ("darts", 3), ("darts-s1", 3), ("darts-s3", 3), ("chain-of-four", 2)]
"""Space names with the fewest cells that include every kind."""


def space_of(name):
    return CHAIN if name == CHAIN.name else create(name)


def supernet(name="nasbench201", cells=1, channels=4, **settings):
    return Supernet(
        space_of(name), num_classes=5, channels=channels, cells=cells, seed=0, **settings
    )


def batch(size=6, side=8, channels=3):
    draw = torch.Generator().manual_seed(1)
    images = torch.randn(size, channels, side, side, generator=draw)
    return images, torch.randint(0, 5, (size,), generator=draw)


def mixtures(space, particles, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: torch.tensor(rng.dirichlet(np.ones(o), (particles, e)), dtype=torch.float32)
        for name, (e, o) in space.alpha_shapes.items()
    }


def architectures(space, particles, seed=0):
    rng = np.random.default_rng(seed)
    logits = {n: rng.standard_normal((particles, *s)) for n, s in space.alpha_shapes.items()}
    return space.decode_indices(logits)


def row(tables, particle):
    return {name: table[particle] for name, table in tables.items()}
