"""Single candidates out, losses back in any order: the view that trial-by-trial tools need."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from swarmnas.checks import as_int, explain
from swarmnas.errors import SettingError, StateError
from swarmnas.optimizers.arrays import Array, to_host
from swarmnas.optimizers.base import Optimizer

__all__ = ["Candidate", "OneByOne"]


@dataclass(frozen=True, eq=False)
class Candidate:
    """One position to evaluate."""

    number: int
    """Counts candidates from 0."""
    position: Array
    """``(num_dims,)``, a copy."""


class OneByOne:
    """Hands out an optimizer's rows one at a time and takes their losses in any order.

    Swarms learn from whole batches. While a batch is incomplete and all of it is handed out,
    :meth:`ask` hands out the missing candidates again, the one that has waited longest first.
    So a candidate whose loss never comes blocks nothing: somebody else evaluates it. The first
    loss that is told for a candidate counts; later ones, and those for batches that are
    complete, are ignored. A failed candidate is told NaN.

    With ``stragglers`` the swarm competes without those that are late: the next batch starts
    while up to so many candidates are out. Each counts as failed for now; when its loss comes,
    the point takes the place of the worst particle. Every candidate is then evaluated once, no
    loss is thrown away, and no worker waits. Give the number of workers less one.

    Keep the number of workers at or below the batch size, or some evaluate what others do.

    Args:
        optimizer: Its ``ask`` and ``tell`` belong to this object from here on.
        stragglers: The most candidates that may be out when the next batch starts.

    Raises:
        SettingError: ``stragglers`` is no integer >= 0.

    Example:
        >>> from swarmnas.optimizers import OneByOne, create
        >>> swarm = create("random", bounds=([0.0], [1.0]), population_size=2, seed=0)
        >>> single = OneByOne(swarm)
        >>> first, second = single.ask(), single.ask()
        >>> single.tell(second, 2.0)
        >>> single.ask().number == first.number  # still missing, so handed out again
        True
        >>> single.tell(first, 1.0)
        >>> swarm.evaluations, swarm.best_loss
        (2, 1.0)
    """

    def __init__(self, optimizer: Optimizer, *, stragglers: int = 0) -> None:
        self.optimizer = optimizer
        self.stragglers = as_int("stragglers", stragglers, low=0)
        self._first = 0
        self._late: dict[int, Any] = {}
        """Positions that are out although their batch is closed, by number."""
        self._arrived: list[tuple[Any, float, float]] = []
        """Those of them whose losses came while a batch was open."""
        self._open_batch(optimizer.pending)

    def _open_batch(self, rows: Array | None) -> None:
        """Start handing out ``rows``; with ``None``, the next ask fetches some."""
        count = 0 if rows is None else len(rows)
        self._batch: Array = rows
        self._losses = np.zeros(count)
        self._violations = np.zeros(count)
        self._told = np.zeros(count, dtype=bool)
        self._queue = list(range(count))
        self._fresh = count
        """How many of the queue, from its start, are not handed out yet."""

    @property
    def fresh(self) -> bool:
        """Whether :meth:`ask` would hand out a candidate that nobody evaluates yet."""
        if self._fresh or not (self._batch is None or self._closable()):
            return self._fresh > 0
        budget, told = self.optimizer.max_evaluations, self.optimizer.evaluations + len(self._told)
        return budget is None or budget - told >= self.optimizer._smallest_batch()

    def _closable(self) -> bool:
        return not self._fresh and len(self._queue) <= min(self.stragglers, len(self._told) - 1)

    def ask(self) -> Candidate:
        """Return the next candidate to evaluate.

        Raises:
            AskTellOrderError: The optimizer's budget is spent.
        """
        if self._batch is not None and self._closable():
            self._close_batch()
        if self._batch is None:
            self._open_batch(self.optimizer.ask())
        row = self._queue.pop(0)
        self._queue.append(row)  # again, should its loss never come
        self._fresh = max(0, self._fresh - 1)
        return Candidate(self._first + row, self._batch[row] + 0)  # a copy in any library

    def tell(self, candidate: Candidate, loss: float, violation: float = 0.0) -> None:
        """Take the loss of a candidate; one that is told already, or outdated, is ignored.

        Args:
            candidate: What :meth:`ask` returned.
            loss: Lower is better; NaN marks a failed candidate.
            violation: Constraint violation, 0 where feasible.

        Raises:
            SettingError: ``candidate`` was not asked here, or a number is none.
        """
        number = getattr(candidate, "number", None)
        if not isinstance(number, int) or not 0 <= number < self._first + len(self._told):
            fix = "Tell what ask() of this object returned."
            raise SettingError(explain("candidate", "one from ask()", repr(candidate)[:60], fix))
        try:
            loss, violation = float(loss), float(violation)
        except (TypeError, ValueError) as cause:
            got, fix = repr(loss)[:60], "Pass a number; NaN marks a failed candidate."
            raise SettingError(explain("loss", "a real number", got, fix)) from cause
        if violation < 0:
            raise SettingError(explain("violation", ">= 0", violation, "Pass 0 where feasible."))
        if number in self._late:
            self.inject(self._late.pop(number), loss, violation)
        row = number - self._first
        if row < 0 or self._told[row]:
            return
        self._losses[row], self._violations[row], self._told[row] = loss, violation, True
        self._fresh -= self._queue.index(row) < self._fresh
        self._queue.remove(row)
        if self._told.all():
            self._close_batch()

    def _close_batch(self) -> None:
        """Tell the optimizer the batch; rows that are still out count as failed."""
        for row in self._queue:
            self._late[self._first + row] = to_host(self._batch[row]) + 0
            self._losses[row] = math.nan
        violations = self._violations if self._violations.any() else None
        self.optimizer.tell(self._batch, self._losses, violations)
        self._first += len(self._told)
        self._open_batch(None)
        self._let_in()

    def inject(self, position: Any, loss: float, violation: float = 0.0) -> None:
        """Take a point known from elsewhere: it replaces the worst particle before the next batch.

        Args:
            position: ``(num_dims,)``, inside the bounds.
            loss: Lower is better; a failed point is ignored.
            violation: Constraint violation, 0 where feasible.
        """
        if math.isfinite(loss):
            self._arrived.append((to_host(position) + 0.0, float(loss), float(violation)))
            if self._batch is None:
                self._let_in()

    def _let_in(self) -> None:
        """Put what came late in the place of the worst particles."""
        size = self.optimizer.population_size
        arrived, self._arrived = self._arrived[:size], self._arrived[size:]
        if arrived:
            positions, losses, violations = zip(*arrived, strict=True)
            self.optimizer.inject(
                np.stack(positions), losses, violations if any(violations) else None
            )

    def state_dict(self) -> dict[str, Any]:
        """Return the optimizer's state and what is known of the open batch, as plain data."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "first": self._first,
            "batch": np.stack([self._losses, self._violations, self._told]),
            "queue": list(self._queue),
            "late": [(number, position) for number, position in self._late.items()],
            "arrived": list(self._arrived),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where :meth:`state_dict` was taken.

        Raises:
            StateError: The state belongs to something else; nothing was changed.
        """
        try:
            first, queue = int(state["first"]), [int(row) for row in state["queue"]]
            losses, violations, told = np.array(state["batch"], dtype=np.float64)
            pending = int(state["optimizer"]["values"]["num_pending"])
            late = {int(number): np.asarray(row) for number, row in state["late"]}
            arrived = [(np.asarray(row), float(a), float(b)) for row, a, b in state["arrived"]]
        except (KeyError, TypeError, ValueError) as cause:
            fix = "Load what state_dict() of a OneByOne returned."
            expected = "first, queue, batch, late, arrived and optimizer"
            raise StateError(explain("state", expected, f"a problem with {cause}", fix)) from cause
        if len(losses) != pending or sorted(queue) != np.flatnonzero(told == 0).tolist():
            got, fix = f"{len(losses)} losses, queue {queue}", "Load a state as it was saved."
            raise StateError(explain("state", f"{pending} losses and their queue", got, fix))
        self.optimizer.load_state_dict(state["optimizer"])
        self._first = first
        self._open_batch(self.optimizer.pending)
        self._losses, self._violations, self._told = losses, violations, told.astype(bool)
        self._queue, self._fresh = queue, len(queue)  # who was to evaluate them may be gone
        self._late, self._arrived = late, arrived
