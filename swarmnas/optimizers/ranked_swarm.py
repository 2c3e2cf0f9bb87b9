"""What the learning swarms share that rank themselves: levels, triples, demonstrators."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Unpack

import numpy as np

from swarmnas.optimizers.comparison import Index, Losses, order
from swarmnas.optimizers.learning_swarm import LearningSettings, LearningSwarm

__all__ = ["RankedSwarm"]


class RankedSwarm(LearningSwarm):
    """A learning swarm whose algorithm sees particles in the order of their losses.

    Only the learners of a generation are evaluated. With ``noisy=True`` the whole swarm is
    evaluated in one batch, ranked by those losses alone, and then the learners move. The answer
    is the centre of the better half of the latest batch.
    """

    _state: ClassVar[tuple[str, ...]] = ("_learners", "_num_learners")

    def __init__(self, **common: Unpack[LearningSettings]) -> None:
        super().__init__(**common)
        self._learners = np.zeros(self._most_learners(), dtype=np.int64)
        self._num_learners = 0

    @abstractmethod
    def _teach(self, ranked: Index, limit: int) -> Index:
        """Let some particles learn (:meth:`_learn`) and return them.

        Args:
            ranked: All particles, best first.
            limit: The most that may learn; at least one must.
        """

    def _smallest_batch(self) -> int:
        return 2 if self.noisy else 1

    def _propose(self, limit: int) -> int:
        if self.noisy:
            count = min(self.population_size, limit)
            self._rows[:count] = self._position[:count]
            return count
        if self._starting:
            return self._propose_start(limit)
        learners = self._teach(order(self._loss, self._violation), limit)
        self._num_learners = len(learners)
        self._learners[: len(learners)] = learners
        return len(learners)

    def _update(self, losses: Losses, violations: Losses) -> None:
        if self.noisy:
            self._learn_from_all(losses, violations)
        elif self._starting:
            self._accept_start(losses, violations)
        else:
            learners = self._learners[: self._num_learners]
            self._loss[learners], self._violation[learners] = losses, violations
            self._move(learners)

    def _learn_from_all(self, losses: Losses, violations: Losses) -> None:
        """Rank the swarm by the losses of this batch, which hold for it alone, and move."""
        count = len(losses)
        self._position[:count] = self._rows[:count]
        self._forget_losses()
        self._loss[:count], self._violation[:count] = losses, violations
        ranked = order(self._loss, self._violation)
        better = self._position[self._arrays.index(ranked[: max(1, count // 2)])]
        self._recommendation[...] = self._arrays.mean(better)
        self._move(self._teach(ranked, self.population_size))
