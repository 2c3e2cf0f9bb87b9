"""What an optimizer sees of a problem in a study: it counts, records, and ends at the budget."""

from __future__ import annotations

import functools
import math
import time
from bisect import bisect_left
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarmnas.errors import SwarmNASError
from swarmnas.problems import Problem

__all__ = ["LEVELS", "Finished", "Objective", "TooSlow", "checkpoints"]

LEVELS: list[float] = (10.0 ** (np.arange(-16 * 20, 20 * 20 + 1) / 20)).tolist()
"""Errors whose first crossing is recorded: 20 a decade, 1e-16 to 1e20. Every target that is one of
these gets its exact runtime; others the runtime of the next level below."""


class Finished(Exception):
    """The budget is spent or the target reached; ends an optimizer that runs its own loop."""


class TooSlow(SwarmNASError):
    """A run took longer than the study allows."""


@functools.cache
def checkpoints(budget: int) -> list[int]:
    """Return the evaluation counts at which a run is looked at: 10 a decade, and the budget.

    Example:
        >>> checkpoints(20)
        [1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20]
    """
    steps = 10.0 ** (np.arange(int(10 * math.log10(budget)) + 1) / 10)
    return sorted({*np.rint(steps).astype(int).tolist(), budget})


class Objective:
    """A problem with a budget.

    Calling it with ``(n, num_dims)`` positions returns ``(n,)`` losses and counts n evaluations.
    Rows beyond the budget are not evaluated: the call raises :class:`Finished` instead of
    returning. What is recorded is the error, the loss minus the problem's minimum, without noise.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        budget: int,
        stop_error: float | None = None,
        max_seconds: float | None = None,
    ) -> None:
        self.problem = problem
        self.budget = budget
        self.evaluations = 0
        self.best_error = math.inf
        self.best_position: NDArray[np.float64] | None = None
        self.problem_seconds = 0.0
        self.own_seconds = 0.0
        """Spent in counting and recording."""
        self._stop_error = -math.inf if stop_error is None else stop_error
        self._deadline = math.inf if max_seconds is None else time.perf_counter() + max_seconds
        self._checkpoints = checkpoints(budget)
        self._errors: list[float] = []
        self._diversities: list[float | None] = []
        self._threshold = math.inf
        self._hits: list[int] = []
        self._hit_errors: list[float] = []

    @property
    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper corner of the box."""
        return self.problem.bounds

    @property
    def num_dims(self) -> int:
        """Length of a position."""
        return self.problem.num_dims

    @property
    def left(self) -> int:
        """Evaluations left."""
        return self.budget - self.evaluations

    @property
    def finished(self) -> bool:
        """Whether another call would raise."""
        return self.evaluations >= self.budget or self.best_error <= self._stop_error

    def __call__(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the losses of positions.

        Raises:
            Finished: The budget does not pay for all rows, or the target was reached before.
            TooSlow: The study's time limit for one run is over.
        """
        if self.finished:
            raise Finished
        rows = positions[: self.left] if len(positions) > self.left else positions
        begun = time.perf_counter()
        if begun > self._deadline:
            raise TooSlow(
                "the run: took longer than max_seconds. Raise it or the optimizer's pace."
            )
        losses: NDArray[np.float64] = self.problem(rows)
        evaluated = time.perf_counter()
        exact = losses if self.problem.exact is None else self.problem.exact(rows)
        self._record(rows, exact - self.problem.minimum)
        self.problem_seconds += evaluated - begun
        self.own_seconds += time.perf_counter() - evaluated
        if len(rows) < len(positions):
            raise Finished
        return losses

    def one(self, position: Any) -> float:
        """Return the loss of one position; for optimizers that evaluate one at a time."""
        return float(self(np.asarray(position, dtype=np.float64)[None])[0])

    def note_diversity(self, diversity: float) -> None:
        """Say how spread the swarm was at the checkpoints passed since the last call."""
        self._diversities += [diversity] * (len(self._errors) - len(self._diversities))

    @property
    def checkpoint_passed(self) -> bool:
        """Whether a checkpoint was passed for which no diversity was noted."""
        return len(self._diversities) < len(self._errors)

    def trace(self) -> dict[str, Any]:
        """Return what was recorded, as JSON data.

        Returns:
            evaluations, best_error; "hits": the first evaluation of each level crossed and the
            error there; "checkpoints": evaluation counts with the best error so far and, where
            known, the swarm's diversity.
        """
        passed = len(self._errors)
        unknown = [None] * (passed - len(self._diversities))
        return {
            "evaluations": self.evaluations,
            "best_error": self.best_error,
            "hits": {"at": self._hits, "error": self._hit_errors},
            "checkpoints": {
                "at": self._checkpoints[:passed],
                "error": self._errors,
                "diversity": [*self._diversities, *unknown],
            },
        }

    def _record(self, rows: NDArray[np.float64], errors: NDArray[np.float64]) -> None:
        lowest = float(np.fmin.reduce(errors))  # NaN never wins
        end = self.evaluations + len(rows)
        if lowest <= self._threshold or end >= self._checkpoints[len(self._errors)]:
            self._trace(errors)
        if lowest < self.best_error:
            self.best_error = max(lowest, 0.0)  # below the minimum by rounding alone
            self.best_position = rows[int((errors == lowest).argmax())].copy()
        self.evaluations = end

    def _trace(self, errors: NDArray[np.float64]) -> None:
        best, passed = self.best_error, len(self._errors)
        checkpoint = self._checkpoints[passed]
        for at, error in enumerate(errors.tolist(), start=self.evaluations + 1):
            if error < best:  # never true of NaN
                best = max(error, 0.0)
                if best <= self._threshold:
                    self._hits.append(at)
                    self._hit_errors.append(best)
                    level = bisect_left(LEVELS, best)
                    self._threshold = LEVELS[level - 1] if level else -math.inf
            if at == checkpoint:
                self._errors.append(best)
                passed += 1
                checkpoint = self._checkpoints[passed] if at < self.budget else 0
