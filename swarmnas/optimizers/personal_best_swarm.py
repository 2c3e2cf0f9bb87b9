"""What swarms with memory share: every particle keeps its best point and challenges it."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Unpack

import numpy as np

from swarmnas.optimizers.arrays import Array
from swarmnas.optimizers.base import CommonSettings, Optimizer
from swarmnas.optimizers.bounds import bounds_handling as handling_of
from swarmnas.optimizers.comparison import Index, Losses, beats, best_row

__all__ = ["PersonalBestSwarm"]


class PersonalBestSwarm(Optimizer):
    """Every particle has a personal best, the one point of it whose loss is kept.

    With ``noisy=True`` every personal best is evaluated again beside its challenger, in the same
    batch, and whatever is decided by losses is decided by those fresh ones. The answer is the
    centre of the personal bests.

    Args:
        bounds_handling: What happens to a particle that leaves the box: "clip", "rebound",
            "reflect", "wrap" or "resample" (:mod:`swarmnas.optimizers.bounds`).
        **common: See :class:`~swarmnas.optimizers.Optimizer`.
    """

    _state: ClassVar[tuple[str, ...]] = ("_personal_best",)

    def __init__(self, *, bounds_handling: str = "clip", **common: Unpack[CommonSettings]) -> None:
        super().__init__(**common)
        self._bounds = handling_of(bounds_handling)
        self.bounds_handling = bounds_handling
        self._personal_best = self._arrays.copy(self._position)

    @abstractmethod
    def _challenge(self, count: int) -> None:
        """Write the challengers of the first ``count`` particles into the first rows."""

    def _judged(self, improved: Index) -> None:
        """Learn which of the judged particles improved on their personal best."""

    def _points(self) -> Array:
        return self._personal_best

    @property
    def _leader(self) -> Array:
        """The best of the personal bests, ``(num_dims,)``."""
        return self._personal_best[best_row(self._loss, self._violation)]

    def _largest_batch(self) -> int:
        return self.population_size * (2 if self.noisy else 1)

    def _smallest_batch(self) -> int:
        return 2 if self.noisy and not self._starting else 1

    def _propose(self, limit: int) -> int:
        if self._starting:
            return self._propose_start(limit)
        count = min(self.population_size, limit // 2 if self.noisy else limit)
        self._challenge(count)
        if not self.noisy:
            return count
        self._rows[count : 2 * count] = self._personal_best[:count]
        return 2 * count

    def _update(self, losses: Losses, violations: Losses) -> None:
        count = len(losses)
        if self._starting:
            self._accept_start(losses, violations)
            self._personal_best[...] = self._position
        elif not self.noisy:
            self._accept(losses, violations)
        else:
            count //= 2
            self._personal_best[:count] = self._rows[count : 2 * count]
            self._forget_losses()
            self._loss[:count], self._violation[:count] = losses[count:], violations[count:]
            self._accept(losses[:count], violations[:count])
        if self.noisy:
            self._recommendation[...] = self._arrays.mean(self._personal_best[:count])

    def _accept(self, losses: Losses, violations: Losses) -> None:
        """Move the particles, and the personal bests of those that improved."""
        count = len(losses)
        self._position[:count] = self._rows[:count]
        improved = np.flatnonzero(
            beats(losses, violations, self._loss[:count], self._violation[:count])
        )
        index = self._arrays.index(improved)
        self._personal_best[index] = self._rows[index]
        self._loss[improved], self._violation[improved] = losses[improved], violations[improved]
        self._judged(improved)

    def _injected(self, particles: Index) -> None:
        index = self._arrays.index(particles)
        self._personal_best[index] = self._position[index]
