"""Draw initial weights from a seed without touching torch's global generator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from swarmnas.rng import Seed, seed_sequence

__all__ = ["seeded"]


@contextmanager
def seeded(seed: Seed | None) -> Iterator[None]:
    """Let torch draw from ``seed`` inside the block; None leaves the global generator in charge.

    Example:
        >>> with seeded(0):
        ...     first = torch.rand(1)
        >>> with seeded(0):
        ...     bool(torch.rand(1) == first)
        True
    """
    if seed is None:
        yield
        return
    word = int(seed_sequence(seed).generate_state(1, np.uint64)[0]) >> 1
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(word)
        yield
