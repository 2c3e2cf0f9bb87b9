"""The stochastic dominant learning swarm of Yang et al. (SDLSO)."""

from __future__ import annotations

from typing import ClassVar, Unpack

import numpy as np

from swarmnas.checks import as_float
from swarmnas.optimizers.comparison import Index
from swarmnas.optimizers.learning_swarm import LearningSettings
from swarmnas.optimizers.level_based_swarm import recommended_population
from swarmnas.optimizers.ranked_swarm import RankedSwarm

__all__ = ["DominanceSwarm"]


class DominanceSwarm(RankedSwarm):
    """A particle learns only where two random others both beat it.

    Each particle meets two different others. If both are better, it learns from the better
    one a and from the other one b; else it stays and costs no evaluation::

        v <- r1 v + r2 (x_a - x) + phi r3 (x_b - x)
        x <- x + v

    The two best never move, and the worst always does; about a third of the swarm learns. Of
    equals the earlier particle counts as the better one.

    Args:
        phi: Pull towards the second exemplar, >= 0.
        **common: See :class:`~swarmnas.optimizers.learning_swarm.LearningSwarm`.
            ``population_size=None`` takes what ``llso`` takes.

    References:
        Yang et al., "Stochastic dominant learning swarm optimizer for large-scale
        optimization", IEEE Transactions on Cybernetics 52(3), 2022.
        Differs from the paper: velocities start at 0; all learners move at the end of a
        generation; phi and the population size are those of ``llso``, the paper's having been
        out of our reach; the evaluation of the whole swarm under noise is ours.
    """

    name: ClassVar[str] = "sdlso"
    smallest_population: ClassVar[int] = 3

    def __init__(self, *, phi: float = 0.4, **common: Unpack[LearningSettings]) -> None:
        super().__init__(**common)
        self.phi = as_float("phi", phi, low=0)

    def _recommended_population(self) -> int:
        return recommended_population(self.num_dims)

    def _teach(self, ranked: Index, limit: int) -> Index:
        size = self.population_size
        own = np.arange(size)
        one = self._rng.integers(size - 1, size=size)
        one += one >= own
        low, high = np.minimum(own, one), np.maximum(own, one)
        other = self._rng.integers(size - 2, size=size)
        other += other >= low
        other += other >= high
        a, b = np.minimum(one, other), np.maximum(one, other)
        places = np.flatnonzero(b < own)[::-1][:limit]  # beaten by both; the worst first
        second = self._position[self._arrays.index(ranked[b[places]])] if self.phi else None
        learners = ranked[places]
        self._learn(learners, self._gather(ranked[a[places]]), second, self.phi)
        return learners
