"""A problem: a function of many rows, its box, and what is known of its minimum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from swarmnas.checks import as_float, explain
from swarmnas.errors import ShapeError
from swarmnas.rng import Seed, generator

__all__ = ["Array", "Problem", "constant", "noisy", "random_rotation", "transformed"]

Array = Any
"""A NumPy array or torch tensor."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """A function to minimise over a box.

    Example:
        >>> import numpy as np
        >>> bowl = Problem(
        ...     name="bowl",
        ...     lower=np.full(2, -1.0),
        ...     upper=np.ones(2),
        ...     function=lambda rows: (rows**2).sum(axis=-1),
        ...     minimiser=np.zeros(2),
        ...     minimum=0.0,
        ... )
        >>> bowl(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [25.0, 0.0]
    """

    name: str
    lower: NDArray[np.float64]
    """``(num_dims,)``."""
    upper: NDArray[np.float64]
    """``(num_dims,)``."""
    function: Callable[[Array], Array] = field(repr=False)
    """``(n, num_dims)`` -> ``(n,)``; what is called, without checks."""
    minimum: float
    """The lowest loss."""
    minimiser: NDArray[np.float64] | None = field(default=None, repr=False)
    """A position of the lowest loss, ``(num_dims,)``; ``None`` where it is not published."""
    exact: Callable[[Array], Array] | None = field(default=None, repr=False)
    """The function without noise; ``None`` where ``function`` has none."""
    choices: tuple[int, ...] | None = None
    """Where a position is rows of logits, row after row, and the largest of a row decides: the
    length of each row. ``None`` where every position is another point."""
    describe: Callable[[NDArray[np.float64]], str] | None = field(default=None, repr=False)
    """What a position ``(num_dims,)`` stands for, as text."""

    @property
    def num_dims(self) -> int:
        """Length of a position."""
        return len(self.lower)

    @property
    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper corner of the box, each ``(num_dims,)``."""
        return self.lower, self.upper

    @property
    def noisy(self) -> bool:
        """Whether one position gets another loss each time."""
        return self.exact is not None

    def __call__(self, positions: Array) -> Array:
        """Return the losses ``(n,)`` of ``(n, num_dims)`` positions, of their library and device.

        Raises:
            ShapeError: ``positions`` is no batch of that width.
        """
        if positions.ndim != 2 or positions.shape[1] != self.num_dims:
            raise ShapeError(
                explain(
                    f"{self.name}, positions",
                    f"shape (n, {self.num_dims})",
                    tuple(positions.shape),
                    "Pass one position a row.",
                )
            )
        return self.function(positions)


def constant(values: NDArray[np.float64], like: Array) -> Array:
    """Return ``values`` as an array of the library, device and floating type of ``like``."""
    xp: Any = array_namespace(like)
    return xp.asarray(values, dtype=like.dtype, device=device(like))


def random_rotation(num_dims: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a rotation ``(num_dims, num_dims)``, uniform over all (of both orientations)."""
    basis, triangle = np.linalg.qr(rng.standard_normal((num_dims, num_dims)))
    rotation: NDArray[np.float64] = basis * np.sign(np.diag(triangle))
    return rotation


def transformed(
    problem: Problem,
    *,
    minimiser: NDArray[np.float64],
    matrix: NDArray[np.float64] | None = None,
) -> Problem:
    """Return ``problem`` with its minimum moved to ``minimiser``, seen through ``matrix``.

    The new function is ``f(z* + matrix (x - minimiser))``, z* the old minimiser: a shift alone
    without ``matrix``, a rotation or a change of conditioning with one. The box stays.

    Args:
        problem: Has a known minimiser.
        minimiser: ``(num_dims,)``.
        matrix: ``(num_dims, num_dims)``.
    """
    if problem.minimiser is None:
        raise ShapeError(
            explain(problem.name, "a known minimiser", "none", "Leave the problem as it is.")
        )
    old, inner = problem.minimiser, problem.function

    def moved(positions: Array) -> Array:
        rows = positions - constant(minimiser, positions)
        if matrix is not None:
            rows = rows @ constant(matrix.T, positions)
        return inner(rows + constant(old, positions))

    return replace(problem, function=moved, minimiser=minimiser)


def noisy(problem: Problem, *, scale: float, seed: Seed) -> Problem:
    """Return ``problem`` with its error multiplied by ``exp(scale * normal)``, afresh each call.

    The multiplicative noise of BBOB's noisy suite; the minimum and its place stay.

    Args:
        problem: Without noise.
        scale: Standard deviation of the logarithm, > 0.
        seed: Of the noise; the n-th row evaluated gets the n-th draw.
    """
    scale = as_float("noise", scale, low=0, open_low=True)
    rng, exact = generator(seed), problem.function

    def disturbed(positions: Array) -> Array:
        losses = exact(positions)
        factors = np.exp(scale * rng.standard_normal(len(positions)))
        return problem.minimum + (losses - problem.minimum) * constant(factors, losses)

    return replace(problem, function=disturbed, exact=exact)
