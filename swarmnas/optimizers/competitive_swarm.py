"""The competitive swarm optimizer of Cheng and Jin (CSO): losers of random pairs learn."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import numpy as np

from swarmnas.checks import as_float
from swarmnas.optimizers.arrays import Array
from swarmnas.optimizers.comparison import Index, Losses, beats
from swarmnas.optimizers.learning_swarm import LearningSettings, LearningSwarm

__all__ = ["CompetitiveSwarm", "recommended_population"]

_DIMS = (30, 100, 500, 1000, 2000, 5000)
_POPULATION = (40, 100, 250, 500, 1000, 1500)
_PHI = (0.0, 0.0, 0.05, 0.1, 0.2, 0.2)


def recommended_population(num_dims: int) -> int:
    """Return the authors' population size for so many dimensions, an even number."""
    return 2 * round(np.interp(num_dims, _DIMS, _POPULATION) / 2)


class CompetitiveSwarm(LearningSwarm):
    """Competitive swarm optimizer.

    Each generation pairs the swarm at random. The winner of a pair stays; the loser learns from
    it and from the swarm's mean, with fresh uniform draws r for every component::

        v <- r1 v + r2 (x_winner - x) + phi r3 (x_mean - x)
        x <- x + v, clipped to the box

    A tie makes the second of the pair the loser; in a swarm of odd size one particle rests. Only
    the losers are evaluated, so a batch has half the population's rows.

    With ``noisy=True`` both sides of every pair are evaluated in the same batch, which has all
    rows, and the losers move once it is told. The answer is the centre of the latest winners.

    Args:
        phi: Pull towards the swarm's mean, >= 0; ``None`` takes the authors' recommendation for
            non-separable functions, by dimension: 0 up to 100, 0.05 at 500, 0.1 at 1000, 0.2
            from 2000 on, and linear in between.
        **common: See :class:`~swarmnas.optimizers.learning_swarm.LearningSwarm`.
            ``population_size=None`` takes the authors' recommendation: 100 for 100 dimensions,
            250 for 500, 500 for 1000, 1000 for 2000, 1500 for 5000, linear in between.

    References:
        Cheng and Jin, "A competitive swarm optimizer for large scale optimization", IEEE
        Transactions on Cybernetics 45(2), 2015, eq. 6 and 7.
        Differs from the paper: populations below 100 dimensions (40 up to 30) are our choice;
        the re-evaluation under noise is ours.
    """

    name: ClassVar[str] = "cso"
    _state: ClassVar[tuple[str, ...]] = ("_pairs", "_num_pairs")

    def __init__(self, *, phi: float | None = None, **common: Unpack[LearningSettings]) -> None:
        super().__init__(**common)
        self.phi = self._recommended_phi() if phi is None else as_float("phi", phi, low=0)
        self._pairs = np.zeros((2, self._most_learners()), dtype=np.int64)
        """Winners and losers, or the two sides while a noisy batch is out."""
        self._num_pairs = 0

    def _recommended_population(self) -> int:
        return recommended_population(self.num_dims)

    def _recommended_phi(self) -> float:
        return float(np.interp(self.num_dims, _DIMS, _PHI))

    def _most_learners(self) -> int:
        return self.population_size // 2

    def _smallest_batch(self) -> int:
        return 2 if self.noisy else 1

    def _propose(self, limit: int) -> int:
        if self._starting and not self.noisy:
            return self._propose_start(limit)
        contestants = self._contestants()
        half = len(contestants) // 2
        count = min(half, limit // 2 if self.noisy else limit)
        self._num_pairs = count
        self._rng.shuffle(contestants)
        self._pairs[:, :count] = contestants[: 2 * half].reshape(2, half)[:, :count]
        if self.noisy:
            index = self._arrays.index(self._pairs[:, :count].ravel())
            self._arrays.take(self._position, index, self._rows[: 2 * count])
            return 2 * count
        self._compete(*self._pairs[:, :count])
        self._teach(*self._pairs[:, :count])
        return count

    def _update(self, losses: Losses, violations: Losses) -> None:
        if self._starting and not self.noisy:
            self._accept_start(losses, violations)
            return
        winners, losers = self._pairs[:, : self._num_pairs]
        if not self.noisy:
            self._loss[losers], self._violation[losers] = losses, violations
            self._move(losers)
            return
        told = self._pairs[:, : self._num_pairs].ravel()
        self._position[self._arrays.index(told)] = self._rows[: len(told)]
        self._forget_losses()
        self._loss[told], self._violation[told] = losses, violations
        self._compete(winners, losers)
        self._recommendation[...] = self._arrays.mean(self._gather(winners))
        self._teach(winners, losers)
        self._move(losers)

    def _contestants(self) -> Index:
        """Return the particles that the next pairs are drawn from, at least two; a new array."""
        return np.arange(self.population_size)

    def _compete(self, first: Index, second: Index) -> None:
        """Sort each pair in place: the first becomes the winner, the second the loser."""
        upset = self._second_wins(first, second)
        first[upset], second[upset] = second[upset], first[upset]

    def _second_wins(self, first: Index, second: Index) -> Any:
        """Return, pair by pair, whether the second particle wins."""
        loss, violation = self._loss, self._violation
        if not np.count_nonzero(violation):  # as beats() finds it, in one comparison
            return loss[second] < loss[first]
        return beats(loss[second], violation[second], loss[first], violation[first])

    def _guide(self) -> Array:
        """Return the point that all losers are drawn to, beside their winner."""
        return self._arrays.mean(self._position)

    def _teach(self, winners: Index, losers: Index) -> None:
        """Let the losers learn from their winners and from the guide; eq. 6 and 7."""
        guide = self._guide() if self.phi else None
        self._learn(losers, self._gather(winners), guide, self.phi)
