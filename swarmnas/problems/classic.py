"""The classical test functions, with seeded shift, rotation, conditioning and noise.

Each public name is the constructor of one problem; formulas are written for rows ``z`` of shape
``(n, num_dims)`` and hold for NumPy arrays and torch tensors. Sources of the formulas: Jamil and
Yang, "A literature survey of benchmark functions for global optimization problems", IJMMNO 4(2),
2013, arXiv 1308.4008; Hansen et al., "Real-parameter black-box optimization benchmarking: noiseless
functions definitions", INRIA RR-6829, 2009 (discus, bent cigar, different powers).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from swarmnas.checks import as_float, explain
from swarmnas.errors import SettingError
from swarmnas.problems.problem import (
    Array,
    Problem,
    constant,
    noisy,
    random_rotation,
    transformed,
)
from swarmnas.rng import generator

__all__ = ["ENTRIES"]

ENTRIES: dict[str, tuple[str, str]] = {}
"""Registered name -> its constructor here and one line on it, filled below."""

Formula = Callable[[Any, Array], Array]

SHIFTED_SHARE = 0.8
"""The minimum is drawn from this share of the box, around its middle."""


def _problem(
    name: str,
    half_width: float,
    *,
    at: float = 0.0,
    minimum: Callable[[int], float] = lambda num_dims: 0.0,
    smallest: int = 1,
) -> Callable[[Formula], Callable[..., Problem]]:
    """Make the constructor of a problem on ``[-half_width, half_width]`` from its formula.

    ``at`` is every coordinate of the minimiser; the formula's docstring is the summary.
    """

    def decorate(formula: Formula) -> Callable[..., Problem]:
        summary = formula.__doc__ or ""
        ENTRIES[name] = (formula.__name__, summary)

        def make(
            *,
            num_dims: int,
            instance: int = 1,
            rotated: bool = False,
            condition: float = 1.0,
            noise: float = 0.0,
            noise_seed: Any = 0,
        ) -> Problem:
            if num_dims < smallest:
                fix = "Use more dimensions."
                raise SettingError(explain(f"{name}, num_dims", f">= {smallest}", num_dims, fix))
            condition = as_float("condition", condition, low=1)
            problem = Problem(
                name=name,
                lower=np.full(num_dims, -half_width),
                upper=np.full(num_dims, half_width),
                function=lambda rows: formula(array_namespace(rows), rows),
                minimiser=np.full(num_dims, at),
                minimum=minimum(num_dims),
            )
            rng = generator(instance, zlib.crc32(name.encode()), num_dims)
            reach = SHIFTED_SHARE * half_width
            moved = rng.uniform(-reach, reach, num_dims)
            minimiser = moved if instance else np.full(num_dims, at)
            matrix = random_rotation(num_dims, rng) if rotated else None
            if condition > 1:
                scales = condition ** (0.5 * np.linspace(0, 1, num_dims))
                matrix = np.diag(scales) @ (np.eye(num_dims) if matrix is None else matrix)
            if instance or matrix is not None:
                problem = transformed(problem, minimiser=minimiser, matrix=matrix)
            return noisy(problem, scale=noise, seed=noise_seed) if noise else problem

        make.__name__ = make.__qualname__ = formula.__name__
        make.__doc__ = f"""Return the problem {name!r}: {summary}

        Args:
            num_dims: Length of a position, >= {smallest}.
            instance: Draws minimum and rotation; 0 leaves the minimum in its textbook place.
            rotated: Turn the function about its minimum.
            condition: Stretch the coordinates (after the rotation) by square roots of 1 to this.
            noise: Standard deviation of the logarithm of a factor on the error; 0 is none.
            noise_seed: Of the noise.
        """
        return make

    return decorate


def _ramp(z: Array, first: float, last: float) -> Array:
    """Return ``num_dims`` numbers from ``first`` to ``last``, evenly spaced."""
    return constant(np.linspace(first, last, z.shape[1]), z)


@_problem("sphere", 5.12)
def sphere(xp: Any, z: Array) -> Array:
    """Sum of squares: the easiest bowl."""
    return xp.sum(z * z, axis=-1)


@_problem("ellipsoid", 5.0)
def ellipsoid(xp: Any, z: Array) -> Array:
    """Bowl of condition 1e6, every direction another scale."""
    return xp.sum(10 ** _ramp(z, 0, 6) * z * z, axis=-1)


@_problem("bent-cigar", 5.0)
def bent_cigar(xp: Any, z: Array) -> Array:
    """One long axis: first square plus 1e6 times the others."""
    return z[:, 0] ** 2 + 1e6 * xp.sum(z[:, 1:] ** 2, axis=-1)


@_problem("discus", 5.0)
def discus(xp: Any, z: Array) -> Array:
    """One short axis: 1e6 times the first square plus the others."""
    return 1e6 * z[:, 0] ** 2 + xp.sum(z[:, 1:] ** 2, axis=-1)


@_problem("different-powers", 5.0)
def different_powers(xp: Any, z: Array) -> Array:
    """Powers from 2 to 6: ever flatter towards the minimum."""
    return xp.sqrt(xp.sum(xp.abs(z) ** _ramp(z, 2, 6), axis=-1))


@_problem("schwefel-1.2", 100.0)
def schwefel_double_sum(xp: Any, z: Array) -> Array:
    """Sum of squared partial sums: a bowl turned off the axes."""
    sums = constant(np.tri(z.shape[1]).T, z)
    return xp.sum((z @ sums) ** 2, axis=-1)


@_problem("schwefel-2.21", 100.0)
def schwefel_max(xp: Any, z: Array) -> Array:
    """The largest coordinate alone counts."""
    return xp.max(xp.abs(z), axis=-1)


@_problem("rosenbrock", 5.0, at=1.0, smallest=2)
def rosenbrock(xp: Any, z: Array) -> Array:
    """A curved valley, chained over the coordinates."""
    left, right = z[:, :-1], z[:, 1:]
    return xp.sum(100 * (right - left**2) ** 2 + (1 - left) ** 2, axis=-1)


@_problem("zakharov", 10.0)
def zakharov(xp: Any, z: Array) -> Array:
    """A bowl with a steep plate across the diagonal."""
    plate = xp.sum(_ramp(z, 0.5, 0.5 * z.shape[1]) * z, axis=-1)
    return xp.sum(z * z, axis=-1) + plate**2 + plate**4


@_problem("rastrigin", 5.12)
def rastrigin(xp: Any, z: Array) -> Array:
    """A regular grid of local minima on a bowl."""
    return xp.sum(z * z - 10 * xp.cos(2 * math.pi * z) + 10, axis=-1)


@_problem("ackley", 32.0)
def ackley(xp: Any, z: Array) -> Array:
    """A narrow funnel in a rippled plain."""
    funnel = -20 * xp.exp(-0.2 * xp.sqrt(xp.mean(z * z, axis=-1)))
    ripple = math.e - xp.exp(xp.mean(xp.cos(2 * math.pi * z), axis=-1))
    return funnel + 20 + ripple


@_problem("griewank", 600.0)
def griewank(xp: Any, z: Array) -> Array:
    """A wide bowl with ripples that fade as dimensions grow."""
    waves = xp.cos(z / xp.sqrt(_ramp(z, 1, z.shape[1])))
    return xp.sum(z * z, axis=-1) / 4000 - xp.prod(waves, axis=-1) + 1


SCHWEFEL_AT = 420.968746359982
"""Where ``z sin(sqrt(z))`` is greatest on [0, 500]."""
SCHWEFEL_TOP = SCHWEFEL_AT * math.sin(math.sqrt(SCHWEFEL_AT))


@_problem("schwefel", 500.0, at=SCHWEFEL_AT)
def schwefel(xp: Any, z: Array) -> Array:
    """The second-best minimum is far from the best."""
    # Falls without end outside of its box: held at the border there, with a square on top, so
    # that a shift cannot bring in anything lower than the minimum.
    inside = xp.clip(z, min=-500.0, max=500.0)
    waves = SCHWEFEL_TOP - inside * xp.sin(xp.sqrt(xp.abs(inside)))
    return xp.sum(waves + (z - inside) ** 2, axis=-1)


@_problem("levy", 10.0, at=1.0)
def levy(xp: Any, z: Array) -> Array:
    """Waves along a valley."""
    w = 1 + (z - 1) / 4
    first, last, inner = w[:, 0], w[:, -1], w[:, :-1]
    middle = (inner - 1) ** 2 * (1 + 10 * xp.sin(math.pi * inner + 1) ** 2)
    ends = xp.sin(math.pi * first) ** 2 + (last - 1) ** 2 * (1 + xp.sin(2 * math.pi * last) ** 2)
    return ends + xp.sum(middle, axis=-1)


@_problem("weierstrass", 0.5)
def weierstrass(xp: Any, z: Array) -> Array:
    """Continuous, and nowhere smooth."""
    total = xp.zeros_like(z[:, 0])
    for k in range(21):  # 1 - cos: zero at the minimum exactly, whatever the rounding
        total = total + 0.5**k * xp.sum(1 - xp.cos(2 * math.pi * 3**k * z), axis=-1)
    return total


STYBLINSKI_AT = -2.903534027771177
"""The root of ``4 z^3 - 32 z + 5`` below zero."""
STYBLINSKI_MIN = (STYBLINSKI_AT**4 - 16 * STYBLINSKI_AT**2 + 5 * STYBLINSKI_AT) / 2


@_problem(
    "styblinski-tang", 5.0, at=STYBLINSKI_AT, minimum=lambda num_dims: STYBLINSKI_MIN * num_dims
)
def styblinski_tang(xp: Any, z: Array) -> Array:
    """Two basins a coordinate, one a little deeper."""
    return xp.sum(z**4 - 16 * z**2 + 5 * z, axis=-1) / 2


@_problem("alpine", 10.0)
def alpine(xp: Any, z: Array) -> Array:
    """Kinks and waves, every coordinate on its own."""
    return xp.sum(xp.abs(z * xp.sin(z) + 0.1 * z), axis=-1)


@_problem("salomon", 100.0)
def salomon(xp: Any, z: Array) -> Array:
    """Rings around the minimum."""
    radius = xp.sqrt(xp.sum(z * z, axis=-1))
    return 1 - xp.cos(2 * math.pi * radius) + 0.1 * radius


@_problem("schaffer-f7", 100.0, smallest=2)
def schaffer(xp: Any, z: Array) -> Array:
    """Ripples that grow ever denser outwards."""
    squared = z[:, :-1] ** 2 + z[:, 1:] ** 2
    return xp.mean(squared**0.25 * (1 + xp.sin(50 * squared**0.1) ** 2), axis=-1) ** 2


@_problem("happy-cat", 2.0, at=-1.0)
def happy_cat(xp: Any, z: Array) -> Array:
    """A valley along a sphere, of nearly flat floor."""
    squares, num_dims = xp.sum(z * z, axis=-1), z.shape[1]
    return xp.abs(squares - num_dims) ** 0.25 + xp.sum((z + 1) ** 2, axis=-1) / (2 * num_dims)
