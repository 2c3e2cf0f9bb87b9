"""Reading a genotype out of the alphas by what its parts are worth, not by their size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from swarmnas.networks import Supernet
from swarmnas.search.gradients import Batch
from swarmnas.spaces import Cell, Genotype, Space

__all__ = ["select_by_perturbation"]

Rows = np.ndarray[Any, Any]


def select_by_perturbation(
    supernet: Supernet,
    space: Space,
    mixing: Mapping[str, Rows],
    batches: Sequence[Batch],
    *,
    rng: np.random.Generator,
) -> Genotype:
    """Return the genotype whose operations the supernet can do without least.

    Edge after edge, in random order and cell by cell in turn: each operation that decoding may
    pick is taken out alone, and the one whose absence costs most loss is fixed. Then each node
    that keeps fewer edges than it has, in random order, drops the edge whose absence costs least
    until as many are left as it keeps.

    Args:
        supernet: The trained network; it stays as it is.
        space: Says what may be decoded.
        mixing: The softmax of its alphas, ``{cell: (num_edges, num_ops)}``.
        batches: Validation images and labels; every comparison is made on all of them.
        rng: Draws the orders.

    References:
        Wang et al., "Rethinking Architecture Selection in Differentiable NAS", ICLR 2021
        (DARTS-PT). Differs from the paper: the loss decides (its code offers loss or accuracy),
        and the supernet is not trained further between two decisions.
    """
    chooser = _Chooser(supernet, batches, {name: rows.copy() for name, rows in mixing.items()})
    orders = {name: list(rng.permutation(len(cell.edges))) for name, cell in space.cells.items()}
    columns = {name: np.full(len(order), -1) for name, order in orders.items()}
    for turn in range(max(map(len, orders.values()))):
        for name, cell in space.cells.items():
            if turn < len(orders[name]):
                edge = orders[name][turn]
                columns[name][edge] = chooser.decide(name, edge, _allowed(cell, edge))
    for name, cell in space.cells.items():
        for node in rng.permutation(np.unique([edge.target for edge in cell.edges])):
            for edge in chooser.prune(name, _incoming(cell, node), cell.num_kept(node)):
                columns[name][edge] = -1
    return space.genotype_of(columns)


def _allowed(cell: Cell, edge: int) -> list[int]:
    names = cell.operations_of(edge)
    return [column for column, name in enumerate(names) if name not in cell.excluded]


def _incoming(cell: Cell, node: int) -> list[int]:
    return [number for number, edge in enumerate(cell.edges) if edge.target == node]


class _Chooser:
    """Mixing weights that turn into a genotype, one decision at a time."""

    def __init__(
        self, supernet: Supernet, batches: Sequence[Batch], mixing: dict[str, Rows]
    ) -> None:
        self._supernet, self._batches, self._mixing = supernet, batches, mixing

    def decide(self, cell: str, edge: int, columns: list[int]) -> int:
        """Fix the operation of an edge whose absence costs most, and return its column."""
        losses = self._losses_without(cell, [(edge, column) for column in columns])
        best = columns[int(np.argmax(losses))]
        self._mixing[cell][edge] = 0.0
        self._mixing[cell][edge, best] = 1.0
        return best

    def prune(self, cell: str, edges: list[int], kept: int) -> list[int]:
        """Drop edges whose absence costs least until ``kept`` are left; return the dropped."""
        left = list(edges)
        while len(left) > kept:
            losses = self._losses_without(cell, [(edge, slice(None)) for edge in left])
            self._mixing[cell][left.pop(int(np.argmin(losses)))] = 0.0
        return [edge for edge in edges if edge not in left]

    def _losses_without(self, cell: str, parts: Sequence[tuple[int, Any]]) -> Rows:
        """Return the mean loss without each part; infinite where it is no number."""
        mixing = {
            name: np.repeat(rows[None], len(parts), axis=0) for name, rows in self._mixing.items()
        }
        for particle, (edge, columns) in enumerate(parts):
            mixing[cell][particle, edge, columns] = 0.0
        total = np.zeros(len(parts))
        for images, labels in self._batches:
            losses = self._supernet.evaluate_swarm(images, labels, mixing=mixing)
            total += losses.double().cpu().numpy() * len(labels)
        return np.where(np.isfinite(total), total, np.inf)
