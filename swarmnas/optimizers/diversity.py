"""How spread out a swarm is, how crowded its particles are, and the fitness made of that.

All functions take arrays of NumPy or torch; distances are measured in units of the box, so that
dimensions of unlike scale count alike and no scale over- or underflows.
"""

from __future__ import annotations

import math
from typing import Any

import array_api_compat
import numpy as np

from swarmnas.checks import as_float, as_int, explain
from swarmnas.errors import ShapeError
from swarmnas.optimizers.arrays import Array, to_host
from swarmnas.optimizers.comparison import Losses, ranks

__all__ = [
    "centre_distance",
    "crowding",
    "dimension_entropy",
    "dimension_spread",
    "diversity_aware_fitness",
]

_CHUNK = 64  # rows of a distance table held at once, where dimensions are fewer


def _in_box_units(positions: Array, lower: Array, upper: Array) -> tuple[Any, Array]:
    """Return the namespace and the positions scaled to [0, 1]; a fixed dimension is 0."""
    xp = array_api_compat.array_namespace(positions)
    lower, upper = (xp.asarray(bound, dtype=positions.dtype) for bound in (lower, upper))
    if positions.ndim != 2 or lower.shape != positions.shape[1:] or upper.shape != lower.shape:
        got = f"{tuple(positions.shape)}, {tuple(lower.shape)} and {tuple(upper.shape)}"
        expected = "(n, num_dims) positions and (num_dims,) bounds"
        raise ShapeError(explain("diversity", expected, got, "Pass positions, lower, upper."))
    width = upper - lower
    width = xp.where(width > 0, width, xp.ones_like(width))
    return xp, (positions - lower) / width


def centre_distance(positions: Array, lower: Array, upper: Array) -> float:
    """Return the mean distance to the swarm's centre over the box's diagonal.

    Args:
        positions: ``(n, num_dims)``.
        lower: ``(num_dims,)``.
        upper: ``(num_dims,)``.

    Returns:
        0 for identical particles or a box without extent, at most 1.

    Example:
        >>> centre_distance(np.array([[0.0, 0.0], [3.0, 4.0]]), np.zeros(2), np.array([3.0, 4.0]))
        0.5

    References:
        Olorunda and Engelbrecht, "Measuring exploration/exploitation in particle swarms using
        swarm diversity", CEC 2008. Differs from the paper: nothing.
    """
    xp, unit = _in_box_units(positions, lower, upper)
    width = xp.asarray(upper, dtype=positions.dtype) - xp.asarray(lower, dtype=positions.dtype)
    largest = float(xp.max(width))
    if largest == 0:
        return 0.0
    share = width / largest
    unit = unit - unit[0, :]  # identical particles are exactly 0 apart
    offset = (unit - xp.mean(unit, axis=0)) * share
    distance = xp.mean(xp.sqrt(xp.sum(offset * offset, axis=1)))
    return float(distance) / math.sqrt(float(xp.sum(share * share)))


def dimension_spread(positions: Array, lower: Array, upper: Array) -> float:
    """Return the mean distance to the median, dimension by dimension, over the box's width.

    Args:
        positions: ``(n, num_dims)``.
        lower: ``(num_dims,)``.
        upper: ``(num_dims,)``.

    Returns:
        A number in [0, 0.5].

    Example:
        >>> dimension_spread(np.array([[0.0], [1.0], [4.0]]), np.zeros(1), np.full(1, 4.0))
        0.3333333333333333

    References:
        Hussain et al., "On the exploration and exploitation in popular swarm-based metaheuristic
        algorithms", Neural Computing and Applications 31, 2019. Differs from the paper: divided
        by the box's width, so that it has no unit.
    """
    xp, unit = _in_box_units(positions, lower, upper)
    rows = unit.shape[0]
    ordered = xp.sort(unit, axis=0)
    median = (ordered[(rows - 1) // 2] + ordered[rows // 2]) / 2
    return float(xp.mean(xp.abs(unit - median)))


def dimension_entropy(positions: Array, lower: Array, upper: Array, *, bins: int = 10) -> float:
    """Return the entropy of the swarm's histogram in each dimension, averaged, over log(bins).

    Args:
        positions: ``(n, num_dims)``.
        lower: ``(num_dims,)``.
        upper: ``(num_dims,)``.
        bins: Equal slices of the box in each dimension, >= 2.

    Returns:
        0 where all particles share a slice in every dimension, 1 where all slices hold as many.

    Example:
        >>> dimension_entropy(np.array([[0.1], [0.9]]), np.zeros(1), np.ones(1), bins=2)
        1.0
    """
    bins = as_int("bins", bins, low=2)
    xp, unit = _in_box_units(positions, lower, upper)
    slices = xp.clip(xp.floor(unit * bins), 0.0, float(bins - 1))
    total = 0.0
    for number in range(bins):
        share = xp.mean(xp.astype(slices == number, unit.dtype), axis=0)
        total -= float(xp.mean(share * xp.log(xp.where(share > 0, share, xp.ones_like(share)))))
    return max(0.0, total) / math.log(bins)


def crowding(positions: Array, lower: Array, upper: Array, *, neighbours: int = 3) -> Losses:
    """Return each particle's mean squared distance to its nearest ones, in units of the box.

    The larger, the less crowded the particle is.

    Args:
        positions: ``(n, num_dims)``.
        lower: ``(num_dims,)``.
        upper: ``(num_dims,)``.
        neighbours: How many nearest particles count, >= 1; all others where there are fewer.

    Returns:
        ``(n,)``, a NumPy array; time grows with n squared, memory with n.

    Example:
        >>> positions = np.array([[0.0], [1.0], [4.0]])
        >>> crowding(positions, np.zeros(1), np.full(1, 4.0), neighbours=1)
        array([0.0625, 0.0625, 0.5625])
    """
    neighbours = as_int("neighbours", neighbours, low=1)
    xp, unit = _in_box_units(positions, lower, upper)
    rows, num_dims = unit.shape
    neighbours = min(neighbours, rows - 1)
    if neighbours == 0:
        return np.zeros(rows)
    unit = unit - unit[0, :]
    unit = unit - xp.mean(unit, axis=0)  # a small swarm far from the origin keeps its digits
    square = xp.sum(unit * unit, axis=1)
    result = np.empty(rows)
    chunk = max(_CHUNK, num_dims)
    for start in range(0, rows, chunk):
        part = slice(start, start + chunk)
        table = square[part, None] + square[None, :] - 2 * (unit[part] @ unit.T)
        distances = np.maximum(to_host(table), 0.0)
        index = np.arange(start, min(start + chunk, rows))
        distances[index - start, index] = np.inf  # nobody is its own neighbour
        nearest = np.partition(distances, neighbours - 1, axis=1)[:, :neighbours]
        result[part] = nearest.mean(axis=1)
    return result


def diversity_aware_fitness(
    losses: Losses, crowding: Losses, weight: float, *, violations: Losses | None = None
) -> Losses:
    """Return ranks of loss blended with ranks of crowding; lower wins a competition.

    Being a blend of ranks it has no unit, and no outlier bends it.

    Args:
        losses: ``(n,)``; a failed row is infinite and stays infinite.
        crowding: ``(n,)``, larger where a particle is less crowded (see :func:`crowding`).
        weight: Share of the rank of crowding, in [0, 1].
        violations: ``(n,)``, constraint violations, ranked before the losses.

    Returns:
        ``(n,)``, within [0, n - 1] or infinite.

    Example:
        >>> diversity_aware_fitness(np.array([1.0, 2.0]), np.array([0.1, 0.3]), 0.25)
        array([0.25, 0.75])
    """
    weight = as_float("weight", weight, low=0, high=1)
    first = np.zeros_like(losses) if violations is None else violations
    fitness = (1 - weight) * ranks(losses, first) + weight * ranks(-crowding)
    return np.where(np.isfinite(losses), fitness, np.inf)
