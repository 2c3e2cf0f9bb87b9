"""Architecture search in a table: a position decodes to a cell whose accuracy is looked up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from swarmnas.checks import explain, one_of
from swarmnas.errors import DataError, UnknownNameError
from swarmnas.problems.problem import Array, Problem, constant
from swarmnas.problems.table import Table

__all__ = ["tabular"]


class SearchSpace(Protocol):
    """What the problem needs of a space of cells; `swarmnas.spaces` has such spaces."""

    @property
    def name(self) -> str: ...
    @property
    def alpha_shapes(self) -> Mapping[str, tuple[int, int]]: ...
    def parse(self, text: str) -> Any: ...
    def indices_of(self, genotype: Any) -> Mapping[str, Any]: ...
    def decode_indices(self, alphas: Mapping[str, Any]) -> Mapping[str, Any]: ...
    def encode(self, genotype: Any) -> Mapping[str, Any]: ...


class PositionAdapter(Protocol):
    """What the problem needs of an adapter; `swarmnas.spaces.Adapter` is one."""

    @property
    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
    def to_alphas(self, positions: Any) -> Mapping[str, Any]: ...
    def to_position(self, alphas: Mapping[str, Any]) -> Any: ...


def tabular(table: Table, *, space: SearchSpace, adapter: PositionAdapter, column: str) -> Problem:
    """Return the problem of finding the best cell of a table.

    The loss is 100 minus the validation accuracy in percent, so the minimum is that of the best
    cell. A cell that the table lacks fails (NaN). The problem never reads a test column.

    Args:
        table: Accuracies of the space's cells.
        space: Decodes alphas; all its edges are kept.
        adapter: Turns positions into alphas.
        column: A validation column of the table.

    Raises:
        UnknownNameError: The table has no such validation column.
        DataError: A text of the table is no cell of the space.
    """
    one_of("column", column, table.validation_columns)
    shapes = dict(space.alpha_shapes)
    choices = tuple(ops for edges, ops in shapes.values() for _ in range(edges))
    try:
        genotypes = [space.parse(arch) for arch in table.archs]
        columns = [
            np.concatenate(list(map(np.asarray, space.indices_of(g).values()))) for g in genotypes
        ]
    except (UnknownNameError, ValueError) as cause:
        raise DataError(
            explain("table", f"cells of the space {space.name!r}", str(cause), "Choose its space.")
        ) from cause
    weights = np.cumprod([1, *choices[:-1]])
    codes = np.stack(columns) @ weights
    losses = np.full(int(np.prod(choices)), np.nan)
    rows = np.full(len(losses), -1)
    losses[codes], rows[codes] = 100 - table.column(column), np.arange(len(table))
    best = int(np.argmin(losses[codes]))

    def codes_of(positions: Array) -> Array:
        decoded = space.decode_indices(adapter.to_alphas(positions))
        xp: Any = array_namespace(positions)
        return xp.concat([decoded[name] for name in shapes], axis=-1) @ xp.asarray(weights)

    def evaluate(positions: Array) -> Array:
        host = positions.detach().cpu() if hasattr(positions, "detach") else positions
        return constant(losses[np.asarray(codes_of(np.asarray(host)))], positions)

    def describe(position: NDArray[np.float64]) -> str:
        row = rows[codes_of(position[None])[0]]
        return table.archs[row] if row >= 0 else "a cell that the table lacks"

    lower, upper = adapter.bounds
    return Problem(
        name=f"tabular-{space.name}",
        lower=lower,
        upper=upper,
        function=evaluate,
        minimum=float(losses[codes].min()),
        minimiser=np.asarray(adapter.to_position(space.encode(genotypes[best]))),
        choices=choices,
        describe=describe,
    )
