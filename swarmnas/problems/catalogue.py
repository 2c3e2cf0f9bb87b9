"""Problems by name."""

from __future__ import annotations

from collections.abc import Callable

from swarmnas.problems.problem import Problem
from swarmnas.registry import Registry

__all__ = ["available", "problems"]

problems = Registry[Callable[..., Problem]](kind="problem")
"""Functions that make a problem, by name; they take ``num_dims`` and ``seed``."""

for _number, _function, _summary in (
    (1, "sphere", "Sphere, shifted."),
    (2, "schwefel_2_21", "Schwefel's 2.21, the largest distance in any dimension, shifted."),
    (3, "rosenbrock", "Rosenbrock's valley, shifted."),
    (4, "rastrigin", "Rastrigin's function, shifted."),
    (5, "griewank", "Griewank's function, shifted."),
    (6, "ackley", "Ackley's function, shifted."),
):
    problems.add(f"cec2008-f{_number}", f"swarmnas.problems.cec2008:{_function}", summary=_summary)


def available() -> dict[str, str]:
    """Return every registered name with its one-line summary.

    Example:
        >>> available()["cec2008-f1"]
        'Sphere, shifted.'
    """
    return {name: entry.summary for name, entry in problems.entries().items()}
