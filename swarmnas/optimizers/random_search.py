"""Random search: every row uniform in the box. The yardstick of all others."""

from __future__ import annotations

from typing import ClassVar

from swarmnas.optimizers.base import Optimizer
from swarmnas.optimizers.comparison import Losses, best_row

__all__ = ["RandomSearch"]


class RandomSearch(Optimizer):
    """Uniform random search.

    With ``noisy=True`` the winner of the last batch is evaluated again in the next one, beside
    its challengers, and recommended for as long as it wins.

    References:
        Bergstra and Bengio, "Random search for hyper-parameter optimization", JMLR 13, 2012.
        Differs from the paper: the defence of the winner under noise is ours.
    """

    name: ClassVar[str] = "random"
    smallest_population: ClassVar[int] = 1

    def _propose(self, limit: int) -> int:
        if self._starting:
            return self._propose_start(limit)
        count = min(self.population_size, limit)
        self._box.sample(self._rng, count, self._rows[:count])
        if self.noisy and count > 1:
            self._rows[0] = self._recommendation
        return count

    def _update(self, losses: Losses, violations: Losses) -> None:
        if self._starting:
            self._accept_start(losses, violations)
        else:
            count = len(losses)
            self._position[:count] = self._rows[:count]
            self._loss[:count], self._violation[:count] = losses, violations
        self._recommendation[...] = self._rows[best_row(losses, violations)]
