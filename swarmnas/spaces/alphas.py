"""Architecture logits as arrays of any library: shape checks and the softmax."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj

from swarmnas.checks import explain
from swarmnas.errors import SettingError, ShapeError

__all__ = ["Array", "Shapes", "as_array", "check_alphas", "softmax"]

Array = Any
"""An array of NumPy or torch: no type is common to both."""

Shapes = Mapping[str, tuple[int, int]]
"""Cell name -> (edges, operations)."""


def as_array(value: Array) -> tuple[Any, Array]:
    """Return the array namespace of ``value`` and ``value`` as a floating-point array."""
    if not is_array_api_obj(value):
        value = np.asarray(value, dtype=float)
    xp = array_namespace(value)
    if not xp.isdtype(value.dtype, "real floating"):
        value = xp.astype(value, xp.float64)
    return xp, value


def check_alphas(alphas: Mapping[str, Array], shapes: Shapes) -> dict[str, Array]:
    """Return the alphas in the order of ``shapes``, as floating-point arrays without gradients.

    Args:
        alphas: Cell name -> ``(..., E, O)``; the leading axes are the same for all cells.
        shapes: Cell name -> ``(E, O)``.

    Raises:
        ShapeError: A cell is missing or unknown, or an array has another shape.
        SettingError: A value is NaN or infinite.
    """
    if set(alphas.keys()) != set(shapes):
        raise ShapeError(
            explain(
                "alphas",
                f"the cells {', '.join(shapes)}",
                ", ".join(map(str, alphas.keys())) or "none",
                "Pass one array a cell.",
            )
        )
    checked: dict[str, Array] = {}
    lead: tuple[int, ...] | None = None
    for name, shape in shapes.items():
        xp, values = as_array(alphas[name])
        if hasattr(values, "detach"):
            values = values.detach()
        lead = tuple(values.shape[:-2]) if lead is None else lead
        if tuple(values.shape) != (*lead, *shape):
            axes = (
                ", ".join(map(str, (*lead, *shape))) if checked else f"..., {shape[0]}, {shape[1]}"
            )
            raise ShapeError(
                explain(
                    f"alphas[{name!r}]",
                    f"shape ({axes})",
                    tuple(values.shape),
                    "Rows are edges, columns are operations.",
                )
            )
        if not bool(xp.all(xp.isfinite(values))):
            raise SettingError(
                explain(
                    f"alphas[{name!r}]", "finite numbers", "NaN or infinity", "Did a step diverge?"
                )
            )
        checked[name] = values
    return checked


def softmax(logits: Array) -> Array:
    """Return the softmax over the last axis; rows sum to 1.

    Example:
        >>> softmax(np.array([[0.0, np.log(3.0)]])).round(6).tolist()
        [[0.25, 0.75]]
    """
    xp = array_namespace(logits)
    powers = xp.exp(logits - xp.max(logits, axis=-1, keepdims=True))
    return powers / xp.sum(powers, axis=-1, keepdims=True)
