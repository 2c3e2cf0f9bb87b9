"""Spaces: named cells or layers as data, and the way between alphas and genotypes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarmnas.checks import explain, unknown_name
from swarmnas.errors import SettingError, ShapeError, UnknownNameError
from swarmnas.spaces import notation
from swarmnas.spaces.alphas import Array, check_alphas
from swarmnas.spaces.cell import Cell, Edge
from swarmnas.spaces.genotype import Genotype, check_cell_name, check_name

__all__ = ["CellSpace", "ChoiceSpace", "Space"]


class Space:
    """What may be built. Immutable, equal by content, and without any module in it.

    Use :class:`CellSpace` or :class:`ChoiceSpace`.
    """

    def __init__(self, name: str, cells: Mapping[str, Cell], *, layout: str) -> None:
        self._name = check_name("space", name)
        self._cells = tuple((check_cell_name(cell), part) for cell, part in cells.items())
        self._layout = check_name("layout", layout)
        if not self._cells or not all(isinstance(part, Cell) for _, part in self._cells):
            raise SettingError(
                explain(
                    "cells", "one or more Cell objects by name", cells, "Pass {'cell': Cell()}."
                )
            )

    @property
    def name(self) -> str:
        """The name that genotypes of this space carry."""
        return self._name

    @property
    def cells(self) -> dict[str, Cell]:
        """Cell name -> :class:`Cell`; a copy."""
        return dict(self._cells)

    @property
    def layout(self) -> str:
        """The skeleton into which ``swarmnas.networks`` stacks the cells."""
        return self._layout

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    @property
    def _content(self) -> tuple[str, tuple[tuple[str, Cell], ...], str]:
        return self._name, self._cells, self._layout

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name}: alphas {self.alpha_shapes}>"

    @property
    def alpha_shapes(self) -> dict[str, tuple[int, int]]:
        """Cell name -> ``(num_edges, num_operations)``."""
        return {name: cell.shape for name, cell in self._cells}

    @property
    def num_dims(self) -> int:
        """How many logits there are in all."""
        return sum(math.prod(shape) for shape in self.alpha_shapes.values())

    def decode_indices(self, alphas: Mapping[str, Array]) -> dict[str, Array]:
        """Return for each edge the column it takes, -1 where it is not kept; see :class:`Cell`.

        Args:
            alphas: Cell name -> ``(..., E, O)`` logits, NumPy or torch on any device; leading
                axes, for example particles, are the same for all cells.

        Returns:
            Cell name -> ``(..., E)`` int64, of the same library and device.

        Raises:
            ShapeError: The cells or shapes do not fit ``alpha_shapes``.
            SettingError: A logit is NaN or infinite.
        """
        checked = check_alphas(alphas, self.alpha_shapes)
        return {name: cell.decode_indices(checked[name]) for name, cell in self._cells}

    def decode(self, alphas: Mapping[str, Array]) -> Genotype:
        """Return the genotype of one set of alphas.

        Args:
            alphas: Cell name -> ``(E, O)`` logits.

        Raises:
            ShapeError: As :meth:`decode_indices`, and for a batch.
            SettingError: As :meth:`decode_indices`.
        """
        return self.genotype_of(self.decode_indices(alphas))

    def encode(self, genotype: Genotype) -> dict[str, NDArray[np.float64]]:
        """Return alphas that decode to ``genotype``: 1 where it chose, 0 elsewhere.

        Raises:
            SettingError: As :meth:`indices_of`.
        """
        indices = self.indices_of(genotype)
        return {
            name: (np.arange(cell.shape[1]) == indices[name][:, None]).astype(float)
            for name, cell in self._cells
        }

    def genotype_of(self, indices: Mapping[str, Iterable[int]]) -> Genotype:
        """Return the genotype of per-edge columns, such as one row of :meth:`decode_indices`.

        Args:
            indices: Cell name -> ``(E,)`` columns, -1 where an edge is not kept.

        Raises:
            ShapeError: The cells or the numbers of edges do not fit.
            SettingError: A column is out of range or excluded, or a node keeps another number
                of edges.
        """
        if set(indices) != set(self.alpha_shapes):
            raise ShapeError(
                explain(
                    "indices", f"the cells {list(self.alpha_shapes)}", list(indices), "Pass each."
                )
            )
        cells = {}
        for name, cell in self._cells:
            num_edges, num_operations = cell.shape
            columns: Any = indices[name]
            row = np.asarray(columns.tolist() if hasattr(columns, "tolist") else list(columns))
            if row.shape != (num_edges,) or row.dtype.kind != "i":
                raise ShapeError(
                    explain(
                        f"indices[{name!r}]",
                        f"integers of shape ({num_edges},)",
                        f"{row.dtype} of shape {row.shape}",
                        "Pass one row at a time.",
                    )
                )
            if row.min() < -1 or row.max() >= num_operations:
                raise SettingError(
                    explain(
                        f"indices[{name!r}]",
                        f"columns in -1..{num_operations - 1}",
                        row.tolist(),
                        "Pass a row of decode_indices().",
                    )
                )
            cells[name] = cell.choices_of(row.tolist())
        genotype = Genotype(self._name, tuple(cells.items()))
        self.indices_of(genotype)
        return genotype

    def indices_of(self, genotype: Genotype) -> dict[str, NDArray[np.int64]]:
        """Return per-edge columns, ``(E,)`` a cell: the inverse of :meth:`genotype_of`.

        Raises:
            SettingError: The genotype does not belong to this space.
        """
        names = [name for name, _ in genotype.cells]
        if genotype.space != self._name or set(names) != set(self.alpha_shapes):
            raise SettingError(
                explain(
                    "genotype",
                    f"one of the space {self._name!r} with the cells {list(self.alpha_shapes)}",
                    f"space {genotype.space!r}, cells {names}",
                    "Use the space that it names.",
                )
            )
        return {name: cell.indices_of(genotype.choices(name)) for name, cell in self._cells}

    def random_genotype(self, rng: np.random.Generator) -> Genotype:
        """Return a genotype drawn uniformly from all that decoding can return."""
        # Logits drawn alike favour no operation and no edge, so decoding them is uniform.
        return self.decode({name: rng.standard_normal(s) for name, s in self.alpha_shapes.items()})

    def parse(self, text: str) -> Genotype:
        """Return the genotype that a text of :meth:`Genotype.to_text`'s notations spells.

        Raises:
            DocumentError: The text is in neither notation.
            UnknownNameError: An operation is unknown; the message names the nearest.
            SettingError: The genotype does not belong to this space.

        Example:
            >>> from swarmnas.spaces import create
            >>> create("nasbench201").parse(
            ...     "|none~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"
            ... ).skip_share
            0.16666666666666666
        """
        cells = notation.read(text, num_inputs={n: cell.num_inputs for n, cell in self._cells})
        for name, cell in self._cells:
            for operation, _, _ in cells.get(name, []):
                if operation not in cell.operations:
                    raise UnknownNameError(unknown_name("operation", operation, cell.operations))
        genotype = Genotype(self._name, tuple(cells.items()))  # type: ignore[arg-type]
        self.indices_of(genotype)
        return genotype


class CellSpace(Space):
    """A space of cells: each stands many times in a network, in the places its layout says.

    Args:
        name: What its genotypes carry.
        cells: Cell name -> :class:`Cell`.
        layout: The skeleton that ``swarmnas.networks`` builds: ``"residual-stages"``
            (NAS-Bench-201), ``"darts-stack"`` (DARTS), or a name of your own.

    Raises:
        SettingError: A name is malformed or there is no cell.

    Example:
        >>> cell = Cell(
        ...     num_inputs=1, num_nodes=2, edges=[(0, 1)], operations=("conv", "pool"),
        ...     output="last",
        ... )
        >>> space = CellSpace("tiny", {"cell": cell}, layout="residual-stages")
        >>> space.decode({"cell": np.array([[0.2, 0.7]])}).to_text()
        '|pool~0|'
    """


class ChoiceSpace(Space):
    """Independent choices, one a layer: a chain in which layer i reads layer i - 1.

    To everything else it is a space with one cell, ``"layers"``, whose edge i is layer i.

    Args:
        name: What its genotypes carry.
        layers: For each layer, the operations that it may take; as many for each layer.
        layout: The skeleton that a network builds.

    Raises:
        SettingError: A name is malformed, there is no layer, or the lengths differ.

    Example:
        >>> space = ChoiceSpace("mobile", layers=[("k3", "k5"), ("k3", "skip_connect")])
        >>> space.alpha_shapes
        {'layers': (2, 2)}
        >>> space.decode({"layers": np.array([[0.0, 1.0], [1.0, 0.0]])}).to_text()
        '|k5~0|+|k3~1|'
    """

    def __init__(
        self, name: str, layers: Iterable[Iterable[str]], *, layout: str = "chain"
    ) -> None:
        rows = tuple(tuple(row) if not isinstance(row, str) else (row,) for row in layers)
        chain = Cell(
            num_inputs=1,
            num_nodes=len(rows) + 1,
            edges=tuple(Edge(layer, layer + 1) for layer in range(len(rows))),
            operations=tuple(dict.fromkeys(operation for row in rows for operation in row)),
            output="last",
            edge_operations=None if len(set(rows)) == 1 else rows,
        )
        super().__init__(name, {"layers": chain}, layout=layout)
