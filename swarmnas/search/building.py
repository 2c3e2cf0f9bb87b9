"""The networks' parts that a search's settings ask for: the supernet, and how weights learn."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

from swarmnas.networks import Supernet
from swarmnas.rng import seed_sequence
from swarmnas.search.config import SearchConfig
from swarmnas.search.loaders import Images
from swarmnas.search.streams import Stream
from swarmnas.spaces import Space

__all__ = ["build_sgd", "build_supernet", "rate_after"]


def build_supernet(config: SearchConfig, space: Space, images: Images) -> Supernet:
    """Return the supernet that a search begins with, on the CPU.

    Args:
        config: Its size and seed.
        space: What may be built.
        images: Their channels and classes.
    """
    return Supernet(
        space,
        num_classes=images.num_classes,
        in_channels=images.in_channels,
        channels=config.channels,
        cells=config.cells,
        partial_channels=config.partial_channels,
        auxiliary_skip=config.auxiliary_skip,
        precision=config.precision,
        compile=config.compile,
        seed=seed_sequence(config.seed, Stream.SUPERNET),
    )


def build_sgd(config: SearchConfig, weights: Iterable[torch.nn.Parameter]) -> torch.optim.SGD:
    """Return what moves a network's weights, with Nesterov's momentum if there is any."""
    return torch.optim.SGD(
        weights,
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=config.momentum > 0,
    )


def rate_after(config: SearchConfig, progress: float) -> float:
    """Return the weights' rate after a share of their training, in [0, 1]: a cosine.

    Example:
        >>> config = SearchConfig(learning_rate=0.1, learning_rate_end=0.02)
        >>> [round(rate_after(config, progress), 3) for progress in (0, 0.5, 1)]
        [0.1, 0.06, 0.02]
    """
    start, end = config.learning_rate, config.learning_rate_end
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
