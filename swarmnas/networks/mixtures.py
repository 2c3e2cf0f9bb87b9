"""What callers pass to a supernet: mixing weights and columns, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from swarmnas.checks import explain
from swarmnas.errors import SettingError, ShapeError
from swarmnas.networks.blocks import Terms
from swarmnas.spaces import Space

__all__ = ["as_columns", "as_mixing", "discrete_terms", "each_term", "mixed_terms"]


def as_mixing(
    space: Space, mixing: Mapping[str, Any], *, like: Tensor, swarm: bool
) -> dict[str, Tensor]:
    """Return mixing weights as tensors of the dtype and device of ``like``.

    Args:
        space: Says which cells and shapes.
        mixing: Cell name -> ``(E, O)``, or ``(P, E, O)`` for a swarm; NumPy or torch.
        like: The images.
        swarm: Whether there is a particle axis.

    Raises:
        ShapeError: A cell is missing or unknown, or a shape does not fit.
        SettingError: A weight is NaN or infinite.
    """
    given = {name: torch.as_tensor(value).to(like) for name, value in mixing.items()}
    _check_shapes(space, "mixing", given, space.alpha_shapes, swarm)
    for name, weights in given.items():
        if not torch.isfinite(weights).all():
            raise SettingError(
                explain(
                    f"mixing[{name!r}]",
                    "finite weights",
                    "NaN or infinity",
                    "Look for a diverged step in what the weights come from.",
                )
            )
    return given


def as_columns(space: Space, operations: Mapping[str, Any], *, swarm: bool) -> dict[str, Tensor]:
    """Return per-edge columns as int64 tensors on the CPU, where they steer what runs.

    Args:
        space: Says which cells and how many edges and operations.
        operations: Cell name -> ``(E,)``, or ``(P, E)`` for a swarm; NumPy or torch.
        swarm: Whether there is a particle axis.

    Raises:
        ShapeError: A cell is missing or unknown, or a shape does not fit.
        SettingError: A column is no integer or out of range.
    """
    given = {name: torch.as_tensor(value) for name, value in operations.items()}
    _check_shapes(
        space, "operations", given, {n: s[:1] for n, s in space.alpha_shapes.items()}, swarm
    )
    for name, columns in given.items():
        most = space.alpha_shapes[name][1] - 1
        whole = not columns.is_floating_point() and columns.dtype is not torch.bool
        if not whole or (columns.numel() and not (columns.min() >= -1 and columns.max() <= most)):
            raise SettingError(
                explain(
                    f"operations[{name!r}]",
                    f"integers in -1..{most}",
                    f"{columns.dtype} in {columns.min()}..{columns.max()}",
                    "Pass what space.decode_indices() returns.",
                )
            )
    return {name: columns.to("cpu", torch.int64) for name, columns in given.items()}


def mixed_terms(weights: Tensor) -> Terms:
    """Return the terms of mixing weights ``(E, O)``, or ``(P, E, O)`` for a swarm.

    Weights that need no gradient and are exactly 0, for every particle, leave their term out.
    """
    if weights.requires_grad:
        return each_term(weights)
    if weights.ndim == 2:
        return [
            [(column, weight) for column, weight in enumerate(row) if weight]
            for row in weights.tolist()
        ]
    used = weights.any(dim=0).tolist()
    return [
        [(column, weights[:, edge, column]) for column, any_ in enumerate(row) if any_]
        for edge, row in enumerate(used)
    ]


def each_term(weights: Tensor) -> Terms:
    """Return all terms of mixing weights ``(E, O)``, as tensors."""
    return [list(enumerate(row.unbind())) for row in weights.unbind()]


def discrete_terms(columns: Sequence[int]) -> Terms:
    """Return the terms of one operation an edge; -1 drops the edge."""
    return [[(column, None)] if column >= 0 else [] for column in columns]


def _check_shapes(
    space: Space,
    where: str,
    given: Mapping[str, Tensor],
    shapes: Mapping[str, tuple[int, ...]],
    swarm: bool,
) -> None:
    if set(given) != set(shapes):
        raise ShapeError(
            explain(
                where,
                f"the cells {', '.join(shapes)}",
                ", ".join(map(str, given)) or "none",
                f"Pass one array for each cell of the space {space.name!r}.",
            )
        )
    lead: tuple[int, ...] = tuple(next(iter(given.values())).shape[:1]) if swarm else ()
    for name, shape in shapes.items():
        if tuple(given[name].shape) != (*lead, *shape) or 0 in lead:
            axes = ", ".join(map(str, (*(["P"] if swarm else []), *shape)))
            raise ShapeError(
                explain(
                    f"{where}[{name!r}]",
                    f"shape ({axes})" + (", P >= 1 and the same for each cell" if swarm else ""),
                    tuple(given[name].shape),
                    f"The space {space.name!r} has alphas {space.alpha_shapes}.",
                )
            )
