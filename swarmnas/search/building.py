"""The supernet that a search's settings and images ask for."""

from __future__ import annotations

from swarmnas.networks import Supernet
from swarmnas.rng import seed_sequence
from swarmnas.search.config import SearchConfig
from swarmnas.search.loaders import Images
from swarmnas.search.streams import Stream
from swarmnas.spaces import Space

__all__ = ["build_supernet"]


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
        seed=seed_sequence(config.seed, Stream.SUPERNET),
    )
