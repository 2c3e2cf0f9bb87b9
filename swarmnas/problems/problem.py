"""A function with a known optimum, and where to find those that we have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from swarmnas.checks import explain
from swarmnas.errors import ShapeError

__all__ = ["Positions", "Problem"]

Positions = Any
"""``(n, num_dims)``, an array of NumPy or torch."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem:
    """A function to minimise whose optimum is known.

    Example:
        >>> from swarmnas.problems import problems
        >>> rastrigin = problems.load("cec2008-f4")(num_dims=10, seed=0)
        >>> float(rastrigin(rastrigin.minimiser[None])[0]) == rastrigin.minimum
        True
    """

    name: str
    """The registered name."""
    bounds: tuple[NDArray[np.float64], NDArray[np.float64]]
    """``(lower, upper)``, each ``(num_dims,)``."""
    minimiser: NDArray[np.float64]
    """``(num_dims,)``, where the minimum is."""
    minimum: float
    """The least value."""
    function: Callable[[Any, Positions], Any]
    """Takes an array namespace and positions ``(n, num_dims)``; returns values ``(n,)``."""

    @property
    def num_dims(self) -> int:
        """How many numbers a position has."""
        return len(self.minimiser)

    def __call__(self, positions: Positions) -> Any:
        """Return the value of each position, ``(n,)``, in the library and dtype of ``positions``.

        Raises:
            ShapeError: ``positions`` is not ``(n, num_dims)``.
        """
        shape = tuple(getattr(positions, "shape", ()))
        if len(shape) != 2 or shape[1] != self.num_dims:
            fix = "Pass an array with one position a row."
            raise ShapeError(
                explain(f"{self.name}, positions", f"shape (n, {self.num_dims})", shape, fix)
            )
        return self.function(array_api_compat.array_namespace(positions), positions)
