"""The functions F1 to F6 of the CEC 2008 competition on large-scale optimisation.

Each is a classic function of ``z = x - o`` for a shift o, given here as an error: the minimum
is 0, where the competition adds a bias. The official shifts are data of 1000 numbers a function;
ours are drawn from the instance's number, like theirs uniform over the box or nearly so, so that
any dimension has its shift and nothing needs to be shipped.

References:
    Tang et al., "Benchmark functions for the CEC'2008 special session and competition on large
    scale global optimization", 2007.
    Differs from the report: drawn shifts in +-0.9 of the box (F2: in its negative half, as the
    official ones); no bias; F7, whose published values come from implementations that disagree,
    is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import array_api_compat
import numpy as np

from swarmnas.checks import as_int
from swarmnas.problems.problem import Array, Problem, constant
from swarmnas.rng import generator

__all__ = ["ENTRIES", "ackley", "griewank", "rastrigin", "rosenbrock", "schwefel_2_21", "sphere"]

_SHARE = 0.9  # of the box that shifts may take


def _problem(
    number: int,
    num_dims: int,
    instance: int,
    limit: float,
    values: Callable[[Any, Array], Any],
    *,
    highest: float = _SHARE,
) -> Problem:
    """Return the problem of ``values(xp, z)`` in ``[-limit, limit]``, shifted."""
    count = as_int("num_dims", num_dims, low=1)
    shift = limit * generator(instance, number).uniform(-_SHARE, highest, count)
    minimiser = shift.copy()
    minimiser.flags.writeable = False

    def function(positions: Array) -> Array:
        xp = array_api_compat.array_namespace(positions)
        return values(xp, positions - constant(shift, positions))

    return Problem(
        name=f"cec2008-f{number}",
        lower=np.full(count, -limit),
        upper=np.full(count, limit),
        minimiser=minimiser,
        minimum=0.0,
        function=function,
    )


def sphere(*, num_dims: int, instance: int = 1) -> Problem:
    """Return F1: the sum of z squared, in +-100."""
    return _problem(1, num_dims, instance, 100.0, lambda xp, z: xp.sum(z * z, axis=1))


def schwefel_2_21(*, num_dims: int, instance: int = 1) -> Problem:
    """Return F2: the largest of all |z|, in +-100; not separable."""
    return _problem(
        2, num_dims, instance, 100.0, lambda xp, z: xp.max(xp.abs(z), axis=1), highest=0.0
    )


def rosenbrock(*, num_dims: int, instance: int = 1) -> Problem:
    """Return F3: the sum of 100 (y_i^2 - y_(i+1))^2 + (y_i - 1)^2 for y = z + 1, in +-100."""

    def values(xp: Any, z: Array) -> Any:
        y = z + 1
        valley = y[:, :-1] ** 2 - y[:, 1:]
        return xp.sum(100 * valley * valley + z[:, :-1] ** 2, axis=1)

    return _problem(3, num_dims, instance, 100.0, values)


def rastrigin(*, num_dims: int, instance: int = 1) -> Problem:
    """Return F4: the sum of z^2 - 10 cos(2 pi z) + 10, in +-5."""

    def values(xp: Any, z: Array) -> Any:
        return xp.sum(z * z - 10 * xp.cos(2 * math.pi * z) + 10, axis=1)

    return _problem(4, num_dims, instance, 5.0, values)


def griewank(*, num_dims: int, instance: int = 1) -> Problem:
    """Return F5: sum z^2 / 4000 - product cos(z_i / sqrt(i)) + 1, in +-600; not separable."""
    roots = np.sqrt(np.arange(1, num_dims + 1))

    def values(xp: Any, z: Array) -> Any:
        scaled = z / constant(roots, z)
        return xp.sum(z * z, axis=1) / 4000 - xp.prod(xp.cos(scaled), axis=1) + 1

    return _problem(5, num_dims, instance, 600.0, values)


def ackley(*, num_dims: int, instance: int = 1) -> Problem:
    """Return F6: Ackley's function, in +-32."""

    def values(xp: Any, z: Array) -> Any:
        length = xp.sqrt(xp.mean(z * z, axis=1))
        waves = xp.mean(xp.cos(2 * math.pi * z), axis=1)
        return -20 * xp.exp(-0.2 * length) - xp.exp(waves) + 20 + math.e

    return _problem(6, num_dims, instance, 32.0, values)


ENTRIES = {
    "cec2008-f1": ("sphere", "Sphere, shifted (CEC 2008)."),
    "cec2008-f2": ("schwefel_2_21", "Schwefel's 2.21, the largest distance in any dimension."),
    "cec2008-f3": ("rosenbrock", "Rosenbrock's valley, shifted (CEC 2008)."),
    "cec2008-f4": ("rastrigin", "Rastrigin's function, shifted (CEC 2008)."),
    "cec2008-f5": ("griewank", "Griewank's function, shifted (CEC 2008)."),
    "cec2008-f6": ("ackley", "Ackley's function, shifted (CEC 2008)."),
}
"""Name -> the function here that makes it, and a line of what it is."""
