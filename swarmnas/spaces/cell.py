"""One cell of a space: nodes, edges, the operations an edge may take, the decoding rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from swarmnas.checks import as_int, explain, one_of
from swarmnas.errors import SettingError
from swarmnas.spaces.alphas import Array
from swarmnas.spaces.genotype import MAX_NODES, Choice, check_name

__all__ = ["Cell", "Edge"]

Output = Literal["last", "concat"]


class Edge(NamedTuple):
    """A directed edge; nodes are numbered, inputs first."""

    source: int
    target: int


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell as data. Its alphas are ``(num_edges, num_operations)`` logits, a row an edge.

    Decoding: an edge takes its operation with the largest logit that is not ``excluded``; the
    lowest column wins a tie. With ``edges_per_node`` a node keeps that many incoming edges: those
    whose chosen operation has the largest softmax probability, ``excluded`` operations counted in
    the softmax; the lowest edge index wins a tie. Without it every edge is kept.

    Args:
        num_inputs: Input nodes, numbered from 0.
        num_nodes: All nodes, inputs included.
        edges: ``(source, target)`` pairs in the order of the rows of the alphas.
        operations: All names that an edge may take, in the order of the columns.
        output: The cell's result: its ``"last"`` node, or the ``"concat"`` of all but the inputs.
        edge_operations: Where edges differ, the operations of each edge in the order of its
            columns; as many for each edge.
        edges_per_node: How many incoming edges a node keeps; None keeps all.
        excluded: Operations that the softmax sees and decoding never picks.

    Raises:
        SettingError: The parts do not fit together.

    Example:
        >>> cell = Cell(
        ...     num_inputs=1, num_nodes=3, edges=[(0, 1), (0, 2), (1, 2)],
        ...     operations=("none", "conv"), output="last",
        ... )
        >>> cell.shape, cell.operations_of(2)
        ((3, 2), ('none', 'conv'))
        >>> cell.decode_indices(np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]])).tolist()
        [1, 0, 0]
    """

    num_inputs: int
    num_nodes: int
    edges: tuple[Edge, ...]
    operations: tuple[str, ...]
    output: Output
    edge_operations: tuple[tuple[str, ...], ...] | None = None
    edges_per_node: int | None = None
    excluded: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        as_int("num_inputs", self.num_inputs, low=1, high=MAX_NODES)
        as_int("num_nodes", self.num_nodes, low=self.num_inputs + 1, high=MAX_NODES)
        one_of("output", self.output, get_args(Output))
        put = object.__setattr__
        put(self, "edges", tuple(self._edge(edge) for edge in self.edges))
        put(self, "operations", _names("operations", self.operations))
        put(self, "excluded", _names("excluded", self.excluded))
        if self.edge_operations is not None:
            rows = tuple(_names("edge_operations", row) for row in self.edge_operations)
            put(self, "edge_operations", rows)
        self._check_edges()
        self._check_operations()
        if self.edges_per_node is not None:
            as_int("edges_per_node", self.edges_per_node, low=1)
            crowded = any(self.num_kept(t) < t_in for t, t_in in self._in_degrees.items())
            if self.shape[1] == 1 and crowded:
                raise SettingError(
                    "edges_per_node: expected two or more operations an edge, since edges compete "
                    "by their probability; got one. Add 'none' to the operations and to excluded."
                )

    def _edge(self, edge: Any) -> Edge:
        if isinstance(edge, Sequence) and len(edge) == 2:
            source, target = edge
            numbers = type(source) is int and type(target) is int
            if numbers and 0 <= source < target < self.num_nodes and target >= self.num_inputs:
                return Edge(source, target)
        raise SettingError(
            explain(
                "edges",
                f"(source, target) with source < target, target in {self.num_inputs}.."
                f"{self.num_nodes - 1}",
                repr(edge),
                "Edges run from lower to higher nodes and never into an input.",
            )
        )

    def _check_edges(self) -> None:
        if len(set(self.edges)) < len(self.edges):
            raise SettingError(
                explain("edges", "every edge once", list(map(tuple, self.edges)), "Drop doubles.")
            )
        bare = set(range(self.num_inputs, self.num_nodes)) - set(self._in_degrees)
        if bare:
            raise SettingError(
                explain(
                    "edges",
                    "an edge into every node that is no input",
                    f"none into {sorted(bare)[:10]}",
                    "Add edges or lower num_nodes.",
                )
            )

    def _check_operations(self) -> None:
        used: set[str] = set(self.operations)
        if self.edge_operations is not None:
            lengths = {len(row) for row in self.edge_operations}
            used = {name for row in self.edge_operations for name in row}
            if len(self.edge_operations) != len(self.edges) or len(lengths) != 1:
                raise SettingError(
                    explain(
                        "edge_operations",
                        f"{len(self.edges)} rows, one an edge, of one length",
                        f"{len(self.edge_operations)} rows of the lengths {sorted(lengths)}",
                        "Alphas are a rectangular table.",
                    )
                )
        missing = (used | set(self.excluded)) - set(self.operations)
        if missing:
            raise SettingError(
                explain(
                    "operations",
                    "every name of edge_operations and excluded among them",
                    f"no {', '.join(sorted(missing))}",
                    "Add them.",
                )
            )
        if not self.operations or not self._allowed.any(axis=1).all():
            raise SettingError(
                explain("operations", "one or more for every edge", "none", "Add an operation.")
            )

    @property
    def shape(self) -> tuple[int, int]:
        """``(num_edges, num_operations)`` of the alphas."""
        return len(self.edges), len(self.operations_of(0))

    def operations_of(self, edge_index: int) -> tuple[str, ...]:
        """Return the operations of an edge in the order of its columns."""
        if self.edge_operations is None:
            return self.operations
        return self.edge_operations[edge_index]

    def num_kept(self, node: int) -> int:
        """Return how many incoming edges ``node`` keeps."""
        incoming = self._in_degrees[node]
        return incoming if self.edges_per_node is None else min(incoming, self.edges_per_node)

    @cached_property
    def _in_degrees(self) -> dict[int, int]:
        return dict(sorted(Counter(edge.target for edge in self.edges).items()))

    @cached_property
    def _allowed(self) -> NDArray[np.bool_]:
        """``(E, O)``: may decoding pick this operation."""
        rows = [self.operations_of(edge) for edge in range(len(self.edges))]
        return np.array([[name not in self.excluded for name in row] for row in rows])

    @cached_property
    def _rivals(self) -> NDArray[np.bool_]:
        """``(E, E)``: do two different edges end in one node."""
        targets = np.array([edge.target for edge in self.edges])
        same: NDArray[np.bool_] = targets[:, None] == targets
        return same & ~np.eye(len(targets), dtype=bool)

    def decode_indices(self, alphas: Array) -> Array:
        """Return for each edge the column it takes, or -1 where it is not kept.

        Args:
            alphas: ``(..., E, O)`` finite logits, NumPy or torch; the space checks them.

        Returns:
            ``(..., E)`` int64 on the same device.
        """
        xp = array_namespace(alphas)
        on = device(alphas)
        allowed = xp.asarray(self._allowed, device=on)
        lowest = xp.asarray(-xp.inf, dtype=alphas.dtype, device=on)
        open_logits = xp.where(allowed, alphas, lowest)
        chosen = xp.astype(xp.argmax(open_logits, axis=-1), xp.int64)
        if self.edges_per_node is None:
            return chosen
        # In sorted order, so that the sum does not depend on the order of the operations.
        top = xp.max(alphas, axis=-1, keepdims=True)
        total = xp.log(xp.sum(xp.exp(xp.sort(alphas, axis=-1) - top), axis=-1))
        strength = xp.max(open_logits, axis=-1) - top[..., 0] - total  # log-probability
        one, other = strength[..., :, None], strength[..., None, :]
        earlier = xp.asarray(np.tri(len(self.edges), k=-1, dtype=bool), device=on)
        beaten = (other > one) | ((other == one) & earlier)
        beaten = beaten & xp.asarray(self._rivals, device=on)
        rank = xp.sum(xp.astype(beaten, xp.int64), axis=-1)
        dropped = xp.asarray(-1, dtype=xp.int64, device=on)
        return xp.where(rank < self.edges_per_node, chosen, dropped)

    def choices_of(self, indices: Iterable[int]) -> tuple[Choice, ...]:
        """Return the choices that per-edge columns stand for (-1: not kept)."""
        return tuple(
            Choice(self.operations_of(number)[column], *edge)
            for number, (edge, column) in enumerate(zip(self.edges, indices, strict=True))
            if column >= 0
        )

    def indices_of(self, choices: Iterable[Choice]) -> NDArray[np.int64]:
        """Return for each edge the column that ``choices`` give it, -1 where it is not kept.

        Raises:
            SettingError: The cell has no such edge, the edge may not take that operation, or a
                node keeps another number of edges.
        """
        indices = np.full(len(self.edges), -1)
        kept = dict.fromkeys(self._in_degrees, 0)
        for choice in choices:
            edge = Edge(choice.source, choice.target)
            if edge not in self._numbers:
                raise SettingError(
                    explain(
                        "genotype",
                        "edges of the cell",
                        f"{edge.source} -> {edge.target} ({choice.operation})",
                        "Is it a genotype of another space?",
                    )
                )
            number = self._numbers[edge]
            names = self.operations_of(number)
            if choice.operation not in names or choice.operation in self.excluded:
                known = [name for name in names if name not in self.excluded]
                raise SettingError(
                    explain(
                        f"genotype, edge {edge.source} -> {edge.target}",
                        f"one of {', '.join(known)}",
                        repr(choice.operation),
                        "Is it a genotype of another space?",
                    )
                )
            indices[number] = names.index(choice.operation)
            kept[edge.target] += 1
        for node, count in kept.items():
            if count != self.num_kept(node):
                raise SettingError(
                    explain(
                        f"genotype, node {node}",
                        f"{self.num_kept(node)} incoming edges",
                        count,
                        "List every kept edge once.",
                    )
                )
        return indices

    @cached_property
    def _numbers(self) -> dict[Edge, int]:
        return {edge: number for number, edge in enumerate(self.edges)}


def _names(where: str, names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise SettingError(explain(where, "several names", repr(names), "Pass a tuple of names."))
    found = tuple(check_name(where, name) for name in names)
    if len(set(found)) < len(found):
        raise SettingError(explain(where, "every name once", found, "Drop doubles."))
    return found
