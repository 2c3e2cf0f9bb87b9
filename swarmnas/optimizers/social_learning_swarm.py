"""The social learning particle swarm of Cheng and Jin (SL-PSO)."""

from __future__ import annotations

import math
from typing import ClassVar, Unpack

import numpy as np

from swarmnas.checks import as_float
from swarmnas.optimizers.comparison import Index
from swarmnas.optimizers.learning_swarm import LearningSettings
from swarmnas.optimizers.ranked_swarm import RankedSwarm

__all__ = ["SocialLearningSwarm"]

_BASE = 100  # M


class SocialLearningSwarm(RankedSwarm):
    """Everybody but the best learns, each dimension from another better particle.

    With the n particles sorted from worst (i = 1) to best, particle i < n learns with
    probability ``(1 - (i - 1) / n)^(alpha log ceil(num_dims / 100))``; in every dimension from a
    random better one, its demonstrator k::

        v <- r1 v + r2 (x_k - x) + epsilon r3 (x_mean - x),  epsilon = beta num_dims / 100
        x <- x + v

    Up to 100 dimensions all of them learn. A particle that does not learn keeps its velocity.

    Args:
        alpha: How fast learning gets rarer with the number of dimensions, >= 0.
        beta: Of the social influence epsilon, >= 0.
        **common: See :class:`~swarmnas.optimizers.learning_swarm.LearningSwarm`.
            ``population_size=None`` takes the authors' 100 + num_dims // 10.

    References:
        Cheng and Jin, "A social learning particle swarm optimization algorithm for scalable
        optimization", Information Sciences 291, 2015, eq. 2 to 7.
        Differs from the paper: nothing; from the authors' release: particles that do not learn
        are not evaluated again. The evaluation of the whole swarm under noise is ours.
    """

    name: ClassVar[str] = "sl-pso"

    def __init__(
        self, *, alpha: float = 0.5, beta: float = 0.01, **common: Unpack[LearningSettings]
    ) -> None:
        super().__init__(**common)
        self.alpha = as_float("alpha", alpha, low=0)
        self.beta = as_float("beta", beta, low=0)
        size = self.population_size
        exponent = self.alpha * math.log(math.ceil(self.num_dims / _BASE))
        self._probability = ((np.arange(size) + 1) / size) ** exponent  # by rank, best first
        self._epsilon = self.beta * self.num_dims / _BASE

    def _recommended_population(self) -> int:
        return _BASE + self.num_dims // 10

    def _most_learners(self) -> int:
        return self.population_size - 1

    def _teach(self, ranked: Index, limit: int) -> Index:
        learns = self._rng.random(self.population_size) < self._probability  # worst: always
        places = np.flatnonzero(learns[1:])[::-1][:limit] + 1  # worst first, the best never
        draws = self._rng.random((len(places), self.num_dims))
        demonstrators = ranked[(draws * places[:, None]).astype(np.int64)]
        index, columns = self._arrays.index, np.arange(self.num_dims)
        first = self._position[index(demonstrators), index(columns)]
        mean = self._arrays.mean(self._position) if self._epsilon else None
        self._learn(ranked[places], first, mean, self._epsilon)
        return ranked[places]
