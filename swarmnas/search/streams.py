"""The random streams of a search, each named by the seed, its purpose, and an epoch or step."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Stream"]


class Stream(IntEnum):
    """What a random stream is for; its number is part of the stream's name."""

    SPLIT = 1
    TRAIN = 2
    VALID = 3
    SUPERNET = 4
    SWARM = 5
    MIXING = 6
    PROBES = 7
    READ_OUT = 8
    NETWORK = 9
    CANDIDATES = 10
