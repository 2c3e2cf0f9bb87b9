"""What an epoch's record keeps for the pictures of a report: rounded, few and bounded.

Nothing here steers a search. Positions are drawn on a plane that is the same for all searches of
spaces with as many dimensions: a fixed random one, because a plane that is fitted to a swarm (its
principal components) would need all positions on record. Distances on it are true on average.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from swarmnas import rng
from swarmnas.spaces import Adapter
from swarmnas.spaces.alphas import softmax

__all__ = ["MAX_GENERATIONS", "MAX_PARTICLES", "SwarmTrace", "trace_alphas"]

MAX_GENERATIONS = 8
"""Generations of one epoch that are recorded, evenly spread and ending with its last."""
MAX_PARTICLES = 256
"""Particles of a generation that are recorded, the first ones."""
_DIGITS = 3

Points = NDArray[np.float64]


def trace_alphas(alphas: Mapping[str, Points]) -> dict[str, Any]:
    """Return an epoch's alphas, rounded, and where their softmax lies on the plane.

    Args:
        alphas: Cell name -> ``(E, O)`` logits.
    """
    mixing = [softmax(np.asarray(rows, np.float64)).reshape(1, -1) for rows in alphas.values()]
    return {
        "alphas": {name: _rounded(rows) for name, rows in alphas.items()},
        "point": _rounded(_on_plane(np.concatenate(mixing, axis=1)))[0],
    }


class SwarmTrace:
    """The swarm of one epoch, generation by generation.

    A particle's parent is the one of the recorded generation before that lies nearest to it, by
    the softmax of all alphas; it says so for every optimizer, whatever its rows mean. In the
    first generation of an epoch, the one before is that which the epoch began with.

    Args:
        adapter: Positions to mixing weights.
        positions: ``(n, num_dims)``, the swarm that the epoch begins with.
        generations: How many the epoch will have.
    """

    def __init__(self, adapter: Adapter, positions: Points, *, generations: int) -> None:
        self._adapter = adapter
        self._previous = self._mixing(positions[:MAX_PARTICLES])
        self._left = generations
        self._every = math.ceil(generations / MAX_GENERATIONS)
        self.generations: list[dict[str, Any]] = []
        """For each recorded one: the points of its particles, their parents, and which particle
        lies nearest to the swarm's answer."""

    def add(self, positions: Points, answer: Points) -> None:
        """Record the swarm after a generation, if it is one of those that are kept.

        Args:
            positions: ``(n, num_dims)``.
            answer: ``(num_dims,)``, what the swarm recommends.
        """
        self._left -= 1
        if self._left % self._every:
            return
        mixing = self._mixing(positions[:MAX_PARTICLES])
        self.generations.append(
            {
                "points": _rounded(_on_plane(mixing)),
                "parents": cdist(mixing, self._previous).argmin(axis=1).tolist(),
                "nearest": int(cdist(self._mixing(answer[None]), mixing).argmin()),
            }
        )
        self._previous = mixing

    def _mixing(self, positions: Points) -> Points:
        probabilities = self._adapter.probabilities(positions).values()
        return np.concatenate([rows.reshape(len(positions), -1) for rows in probabilities], axis=1)


def _on_plane(mixing: Points) -> Points:
    """Return ``(n, 2)`` coordinates, scaled so that distances keep their size on average."""
    num_dims = mixing.shape[1]
    if num_dims < 2:
        return np.pad(mixing, ((0, 0), (0, 2 - num_dims)))
    axes, _ = np.linalg.qr(rng.generator(0, num_dims).standard_normal((num_dims, 2)))
    return np.asarray(mixing @ axes) * math.sqrt(num_dims / 2)


def _rounded(rows: Any) -> Any:
    return np.round(np.asarray(rows, np.float64), _DIGITS).tolist()
