"""The level-based learning swarm of Yang et al. (LLSO)."""

from __future__ import annotations

from typing import ClassVar, Unpack

import numpy as np

from swarmnas.checks import as_float, as_int
from swarmnas.optimizers.comparison import Index
from swarmnas.optimizers.learning_swarm import LearningSettings
from swarmnas.optimizers.ranked_swarm import RankedSwarm

__all__ = ["LevelBasedSwarm", "LevelSwarm", "recommended_population"]

_DIMS = (30, 100, 500, 1000)
_POPULATION = (40, 100, 300, 500)


def recommended_population(num_dims: int) -> int:
    """Return 500 for 1000 dimensions, as the authors, and our own choice below."""
    return round(np.interp(num_dims, _DIMS, _POPULATION))


class LevelSwarm(RankedSwarm):
    """Particles in levels by loss; all but the first level learn from levels above their own.

    A particle of the third level or below draws two different levels above its own and one
    particle of each; one of the second level draws two particles of the first. The better of
    the two is the first exemplar a, the other the second exemplar b::

        v <- r1 v + r2 (x_a - x) + phi r3 (x_b - x)
        x <- x + v

    Levels hold ``population_size // levels`` particles, the last one the remainder too.

    Args:
        phi: Pull towards the second exemplar, >= 0.
        **common: See :class:`~swarmnas.optimizers.learning_swarm.LearningSwarm`.
            ``population_size=None`` takes 500 for 1000 dimensions, as the authors, and our own
            40 up to 30, 100 at 100, 300 at 500, linear in between.
    """

    smallest_population: ClassVar[int] = 8

    def __init__(self, *, phi: float = 0.4, **common: Unpack[LearningSettings]) -> None:
        super().__init__(**common)
        self.phi = as_float("phi", phi, low=0)

    def _recommended_population(self) -> int:
        return recommended_population(self.num_dims)

    def _teach_levels(self, ranked: Index, limit: int, levels: int) -> Index:
        """Let all but the first of ``levels`` learn, the worst first."""
        size = self.population_size // levels
        places = np.arange(self.population_size - 1, size - 1, -1)[:limit]
        level = np.minimum(places // size, levels - 1)
        above = np.maximum(level, 2)  # the second level draws two places of the first instead
        draws = self._rng.random((4, len(places)))
        one, other = _distinct(above, draws[0], draws[1])
        exemplars = np.stack([one, other]) * size + (draws[2:] * size).astype(np.int64)
        second_level = level == 1
        inside = _distinct(np.full(len(places), size), draws[0], draws[1])
        exemplars = np.sort(np.where(second_level, np.stack(inside), exemplars), axis=0)
        learners = ranked[places]
        second = self._position[self._arrays.index(ranked[exemplars[1]])] if self.phi else None
        self._learn(learners, self._gather(ranked[exemplars[0]]), second, self.phi)
        return learners


def _distinct(below: Index, first: Index, second: Index) -> tuple[Index, Index]:
    """Return two different integers of [0, below) for each row, from two uniform draws."""
    one = (first * below).astype(np.int64)
    other = (second * (below - 1)).astype(np.int64)
    return one, other + (other >= one)


class LevelBasedSwarm(LevelSwarm):
    """Level-based learning with a fixed number of levels; :class:`LevelSwarm` has the formula.

    Args:
        levels: From 3 to half the population.
        phi: Pull towards the second exemplar, >= 0.
        **common: See :class:`LevelSwarm`.

    References:
        Yang, Chen, Deng, Li, Gu and Zhang, "A level-based learning swarm optimizer for
        large-scale optimization", IEEE TEVC 22(4), 2018.
        Differs from the paper: velocities start at 0; all learners move at the end of a
        generation, where the authors' code updates in place; populations below 1000 dimensions
        are our choice; the evaluation of the whole swarm under noise is ours.
    """

    name: ClassVar[str] = "llso"

    def __init__(
        self, *, levels: int = 4, phi: float = 0.4, **common: Unpack[LearningSettings]
    ) -> None:
        super().__init__(**{**common, "phi": phi})  # type: ignore[arg-type]
        self.levels = as_int("levels", levels, low=3, high=self.population_size // 2)

    def _teach(self, ranked: Index, limit: int) -> Index:
        return self._teach_levels(ranked, limit, self.levels)
