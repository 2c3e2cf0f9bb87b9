"""Differential evolution (DE) of Storn and Price: the baseline that is no swarm."""

from __future__ import annotations

from typing import ClassVar, Unpack

import numpy as np

from swarmnas.checks import as_float, one_of
from swarmnas.optimizers.base import CommonSettings
from swarmnas.optimizers.comparison import Losses
from swarmnas.optimizers.personal_best_swarm import PersonalBestSwarm

__all__ = ["DifferentialEvolution"]


class DifferentialEvolution(PersonalBestSwarm):
    """Differential evolution with binomial crossover.

    Each particle's challenger takes every dimension, with probability ``crossover`` and one
    random dimension in any case, from a mutant of distinct random particles a, b, c, which are
    not the particle itself::

        rand/1/bin: x_a + scale (x_b - x_c)
        best/1/bin: x_best + scale (x_a - x_b)

    and the rest from the particle. The better of the two stays.

    Args:
        strategy: "rand/1/bin" or "best/1/bin".
        scale: Of the difference, > 0.
        crossover: Probability, in [0, 1].
        bounds_handling: As for all; the default is "reflect". There are no velocities.
        **common: See :class:`~swarmnas.optimizers.personal_best_swarm.PersonalBestSwarm`.

    References:
        Storn and Price, "Differential evolution - a simple and efficient heuristic for global
        optimization over continuous spaces", Journal of Global Optimization 11, 1997.
        Differs from the paper: what leaves the box is reflected, where the paper sets no rule;
        ties keep the older point; 40 particles or 5 a dimension up to 100; the re-evaluation
        under noise is ours.
    """

    name: ClassVar[str] = "de"
    smallest_population: ClassVar[int] = 4

    def __init__(
        self,
        *,
        strategy: str = "rand/1/bin",
        scale: float = 0.5,
        crossover: float = 0.9,
        bounds_handling: str = "reflect",
        **common: Unpack[CommonSettings],
    ) -> None:
        super().__init__(bounds_handling=bounds_handling, **common)
        self.strategy = one_of("strategy", strategy, ("rand/1/bin", "best/1/bin"))
        self.scale = as_float("scale", scale, low=0, open_low=True)
        self.crossover = as_float("crossover", crossover, low=0, high=1)

    def _recommended_population(self) -> int:
        return min(100, max(40, 5 * self.num_dims))

    def _challenge(self, count: int) -> None:
        arrays, rng, kept = self._arrays, self._rng, self._personal_best
        others = self._others(count)
        picked = [kept[arrays.index(column)] for column in others.T]
        if self.strategy == "best/1/bin":
            picked = [self._leader, *picked]
        mutants = picked[0] + self.scale * (picked[1] - picked[2])
        crossed = rng.random((count, self.num_dims)) < self.crossover
        crossed[np.arange(count), rng.integers(self.num_dims, size=count)] = True
        rows = self._rows[:count]
        rows[...] = arrays.xp.where(arrays.index(crossed), mutants, kept[:count])
        self._bounds.apply(rows, None, self._box, rng)

    def _others(self, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """Return for each particle three others, distinct, ``(count, 3)``."""
        size, own = self.population_size, np.arange(count)
        taken = own[:, None]
        for number in (1, 2, 3):
            drawn = self._rng.integers(size - number, size=count)
            for column in np.sort(taken, axis=1).T:
                drawn += drawn >= column
            taken = np.concatenate([taken, drawn[:, None]], axis=1)
        return taken[:, 1:]

    def _accept(self, losses: Losses, violations: Losses) -> None:
        super()._accept(losses, violations)
        self._position[...] = self._personal_best  # a challenger that loses leaves no trace
