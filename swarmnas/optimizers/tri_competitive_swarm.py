"""The modified competitive swarm of Mohapatra, Das and Roy (MCSO): two losers in three learn."""

from __future__ import annotations

from typing import ClassVar, Unpack

import numpy as np

from swarmnas.checks import as_float
from swarmnas.optimizers.comparison import Index
from swarmnas.optimizers.competitive_swarm import recommended_population
from swarmnas.optimizers.learning_swarm import LearningSettings
from swarmnas.optimizers.ranked_swarm import RankedSwarm

__all__ = ["TriCompetitiveSwarm"]


class TriCompetitiveSwarm(RankedSwarm):
    """``cso`` with competitions of three in place of two.

    Random triples are ranked; both losers learn from the winner and from the swarm's mean, the
    second loser more from the mean::

        v <- r1 v + r2 (x_winner - x) + phi_k r3 (x_mean - x),  k = 1, 2
        x <- x + v

    Where the population is no multiple of three, one or two particles rest.

    Args:
        first_phi: Pull of the triple's second towards the mean, >= 0.
        second_phi: Pull of the triple's third towards the mean, >= 0.
        **common: See :class:`~swarmnas.optimizers.learning_swarm.LearningSwarm`.

    References:
        Mohapatra, Das and Roy, "A modified competitive swarm optimizer for large scale
        optimization problems", Applied Soft Computing 59, 2017; the mean over the whole swarm,
        not over a ring.
        Differs from the paper: population sizes are those of ``cso``, rounded to triples; the
        evaluation of the whole swarm under noise is ours.
    """

    name: ClassVar[str] = "mcso"
    smallest_population: ClassVar[int] = 3

    def __init__(
        self,
        *,
        first_phi: float = 0.1,
        second_phi: float = 0.2,
        **common: Unpack[LearningSettings],
    ) -> None:
        super().__init__(**common)
        self.first_phi = as_float("first_phi", first_phi, low=0)
        self.second_phi = as_float("second_phi", second_phi, low=0)

    def _recommended_population(self) -> int:
        return 3 * round(recommended_population(self.num_dims) / 3)

    def _most_learners(self) -> int:
        return self.population_size // 3 * 2

    def _teach(self, ranked: Index, limit: int) -> Index:
        third = self.population_size // 3
        places = self._rng.permutation(self.population_size)[: 3 * third].reshape(3, third)
        winners, first, second = ranked[np.sort(places, axis=0)]
        losers = np.concatenate([first, second])[:limit]
        phi = self._arrays.array(np.repeat([[self.first_phi], [self.second_phi]], third, axis=0))
        lead = self._gather(np.concatenate([winners, winners])[:limit])
        self._learn(losers, lead, self._arrays.mean(self._position), phi[:limit])
        return losers
