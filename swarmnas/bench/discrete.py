"""Discrete baselines of architecture search, on problems whose positions decide choices."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from swarmnas.bench.objective import Objective
from swarmnas.checks import as_int, explain
from swarmnas.errors import SettingError
from swarmnas.rng import generator

__all__ = ["cell_evolution", "cell_local_search", "cell_random_search"]

Choices = NDArray[np.int64]
"""``(n, num_choices)``: the option that each choice takes."""


class _Choices:
    """Evaluates choices by the corner of the box that decides for them."""

    def __init__(self, name: str, objective: Objective, seed: int) -> None:
        if objective.problem.choices is None:
            fix = f"Run {name} on a tabular problem."
            got = f"{objective.problem.name}, where every position is another point"
            raise SettingError(explain(name, "a problem of choices", got, fix))
        self.sizes = np.array(objective.problem.choices)
        self.rng = generator(seed)
        self._objective = objective
        self._starts = np.concatenate([[0], np.cumsum(self.sizes)[:-1]])

    def losses(self, choices: Choices) -> NDArray[np.float64]:
        """Return the losses ``(n,)``; a missing cell loses against all others."""
        lower, upper = self._objective.bounds
        rows = np.repeat(lower[None], len(choices), axis=0)
        columns = self._starts + choices
        np.put_along_axis(rows, columns, upper[columns], axis=1)
        return np.nan_to_num(self._objective(rows), nan=np.inf)

    def random(self, count: int) -> Choices:
        return self.rng.integers(self.sizes, size=(count, len(self.sizes)))

    def mutant(self, parent: Choices) -> Choices:
        """Return ``parent`` with one choice changed to another option, both uniform."""
        child = parent.copy()
        at = self.rng.integers(len(self.sizes))
        child[at] = (child[at] + self.rng.integers(1, self.sizes[at])) % self.sizes[at]
        return child

    def neighbours(self, choices: Choices) -> Choices:
        """Return all that differ in one choice, in random order."""
        rows = []
        for at, size in enumerate(self.sizes.tolist()):
            block = np.repeat(choices[None], size - 1, axis=0)
            block[:, at] = [option for option in range(size) if option != choices[at]]
            rows.append(block)
        return self.rng.permutation(np.concatenate(rows))


def cell_random_search(objective: Objective, *, seed: int, population_size: int = 20) -> None:
    """Draw every choice uniformly, with replacement, for as long as the budget lasts."""
    choices = _Choices("cell-random", objective, seed)
    while True:
        choices.losses(choices.random(min(population_size, objective.left) or 1))


def cell_evolution(
    objective: Objective, *, seed: int, population_size: int = 10, sample_size: int = 3
) -> None:
    """Evolve choices: mutate the best of a sample, drop the oldest.

    References:
        Real, Aggarwal, Huang and Le, "Regularized evolution for image classifier architecture
        search", AAAI 2019, arXiv 1802.01548; population 10, sample 3 as NAS-Bench-201 uses it.
        Differs from the paper: nothing.
    """
    sample_size = as_int("sample_size", sample_size, low=1, high=population_size)
    choices = _Choices("cell-evolution", objective, seed)
    start = choices.random(population_size)
    members = deque(zip(start, choices.losses(start), strict=True), maxlen=population_size)
    while True:
        sample = choices.rng.choice(population_size, size=sample_size, replace=False)
        parent = min((members[k] for k in sample), key=lambda member: member[1])[0]
        child = choices.mutant(parent)
        members.append((child, choices.losses(child[None])[0]))  # the oldest falls out


def cell_local_search(objective: Objective, *, seed: int) -> None:
    """Evaluate all neighbours, move to the best of them, start anew where none is better.

    References:
        White, Nolen and Savani, "Exploring the loss landscape in neural architecture search",
        UAI 2021, arXiv 2005.02960. Differs from the paper: a cell that is met again costs budget.
    """
    choices = _Choices("cell-local", objective, seed)
    evaluate: Callable[[Choices], NDArray[np.float64]] = choices.losses
    while True:
        here = choices.random(1)[0]
        loss = evaluate(here[None])[0]
        while True:
            around = choices.neighbours(here)
            losses = evaluate(around)
            if losses.min() >= loss:
                break
            here, loss = around[losses.argmin()], losses.min()
