"""The box that positions stay in."""

from __future__ import annotations

from typing import Any

import numpy as np

from swarmnas.checks import explain
from swarmnas.errors import SettingError, ShapeError
from swarmnas.optimizers.arrays import Array, Arrays, to_host

__all__ = ["Box"]


class Box:
    """Lower and upper bounds, rounded inwards to the swarm's precision.

    Args:
        bounds: ``(lower, upper)``, each ``(num_dims,)``; finite, lower <= upper. A dimension
            where both are equal is fixed.
        arrays: The kind of arrays to keep them in.

    Attributes:
        arrays: The kind of arrays that positions are.
        lower: ``(num_dims,)``.
        upper: ``(num_dims,)``.
        width: ``(num_dims,)``, upper minus lower.

    Raises:
        ShapeError: ``bounds`` is no pair of vectors of one length.
        SettingError: A bound is not finite, or too large for the precision, or inverted.
    """

    def __init__(self, bounds: Any, arrays: Arrays) -> None:
        fix = "Pass bounds=(lower, upper), two vectors with one number a dimension."
        try:
            lower, upper = (to_host(bound).astype(np.float64) for bound in bounds)
        except (TypeError, ValueError) as cause:
            message = explain("bounds", "a pair of numeric vectors", repr(bounds)[:80], fix)
            raise ShapeError(message) from cause
        if lower.ndim != 1 or lower.shape != upper.shape or len(lower) == 0:
            got = f"{lower.shape} and {upper.shape}"
            raise ShapeError(explain("bounds", "two vectors of one length >= 1", got, fix))
        limit = float(np.finfo(arrays.dtype).max) / 1e6  # sums over a swarm must not overflow
        for name, bound in (("lower", lower), ("upper", upper)):
            bad = np.flatnonzero(~(np.abs(bound) <= limit))
            if len(bad):
                expected = f"finite numbers within +-{limit:.1e} ({arrays.dtype})"
                got = f"{bound[bad[0]]} at dimension {bad[0]}"
                raise SettingError(explain(f"bounds, {name}", expected, got, "Change it."))
        bad = np.flatnonzero(lower > upper)
        if len(bad):
            got = f"{lower[bad[0]]:g} > {upper[bad[0]]:g} at dimension {bad[0]}"
            raise SettingError(explain("bounds", "lower <= upper", got, "Swap the two."))
        inner_lower, inner_upper = (bound.astype(arrays.dtype) for bound in (lower, upper))
        up, down = arrays.dtype.type(np.inf), arrays.dtype.type(-np.inf)
        inner_lower = np.where(inner_lower < lower, np.nextafter(inner_lower, up), inner_lower)
        inner_upper = np.where(inner_upper > upper, np.nextafter(inner_upper, down), inner_upper)
        inner_upper = np.maximum(inner_lower, inner_upper)  # narrower than one rounding step
        self.num_dims = len(lower)
        self.arrays = arrays
        self.lower: Array = arrays.array(inner_lower)
        self.upper: Array = arrays.array(inner_upper)
        self.width: Array = self.upper - self.lower

    def clip(self, positions: Array) -> Array:
        """Move ``positions`` (``(n, num_dims)``) onto the box in place; velocities stay."""
        xp = self.arrays.xp
        xp.maximum(positions, self.lower, out=positions)
        return xp.minimum(positions, self.upper, out=positions)

    def sample(self, rng: np.random.Generator, rows: int, out: Array) -> Array:
        """Fill ``out`` (``(rows, num_dims)``) with uniform positions and return it."""
        self.arrays.xp.multiply(self.arrays.uniform(rng, rows, self.num_dims), self.width, out=out)
        out += self.lower
        return self.clip(out)

    def outside(self, positions: Array) -> Array:
        """Return, component by component, whether ``positions`` lie beyond a bound."""
        return (positions < self.lower) | (positions > self.upper)

    def contains(self, positions: Array) -> bool:
        """Return whether every position is a number inside the box."""
        return bool(
            self.arrays.xp.all((positions >= self.lower) & (positions <= self.upper))
        )  # NaN is in no box
