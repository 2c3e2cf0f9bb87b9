"""The dynamic level-based learning swarm of Yang et al. (DLLSO)."""

from __future__ import annotations

from typing import ClassVar, Unpack

import numpy as np

from swarmnas.optimizers.comparison import Index, Losses
from swarmnas.optimizers.learning_swarm import LearningSettings
from swarmnas.optimizers.level_based_swarm import LevelSwarm

__all__ = ["DynamicLevelSwarm"]

_CHOICES = (4, 6, 8, 10, 20, 50)


class DynamicLevelSwarm(LevelSwarm):
    """``llso`` that draws its number of levels each generation by what it gained before.

    Number s of 4, 6, 8, 10, 20 and 50 is drawn with probability ``exp(7 r_s) / sum exp(7 r)``,
    where r_s is the relative gain ``|F_old - F_new| / |F_old|`` of the best loss in the last
    generation that used s, and 1 before. Numbers above half the population are left out. Under
    noise a gain cannot be known, and every number is as likely.

    Args:
        phi: Pull towards the second exemplar, >= 0.
        **common: See :class:`~swarmnas.optimizers.level_based_swarm.LevelSwarm`.

    References:
        Yang, Chen, Deng, Li, Gu and Zhang, "A level-based learning swarm optimizer for
        large-scale optimization", IEEE TEVC 22(4), 2018.
        Differs from the paper: gains are cut at 1; what ``llso`` differs in.
    """

    name: ClassVar[str] = "dllso"
    _state: ClassVar[tuple[str, ...]] = ("_gains", "_choice", "_best_before")

    def __init__(self, *, phi: float = 0.4, **common: Unpack[LearningSettings]) -> None:
        super().__init__(**{**common, "phi": phi})  # type: ignore[arg-type]
        self._levels = [levels for levels in _CHOICES if 2 * levels <= self.population_size]
        self._gains = np.ones(len(self._levels))
        self._choice = 0
        self._best_before = np.inf

    def _teach(self, ranked: Index, limit: int) -> Index:
        weights = np.exp(7 * self._gains)
        self._choice = int(self._rng.choice(len(self._levels), p=weights / weights.sum()))
        self._best_before = self.best_loss
        return self._teach_levels(ranked, limit, self._levels[self._choice])

    def _update(self, losses: Losses, violations: Losses) -> None:
        if not self.noisy and not self._starting:
            self._gains[self._choice] = _relative_gain(self._best_before, self.best_loss)
        super()._update(losses, violations)


def _relative_gain(before: float, after: float) -> float:
    """Return ``|before - after| / |before|``, at most 1; 1 where nothing succeeded before."""
    if not np.isfinite(before):
        return 1.0
    if before == 0:
        return float(after != 0)
    return min(1.0, abs(1 - after / before))
