"""The adapter: a particle's position in a box <-> architecture logits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from swarmnas.checks import as_float, as_int, explain
from swarmnas.errors import SettingError, ShapeError
from swarmnas.spaces.alphas import Array, Shapes, as_array, check_alphas, softmax

__all__ = ["Adapter"]


class _HasAlphaShapes(Protocol):
    @property
    def alpha_shapes(self) -> Shapes: ...


class Adapter:
    """Maps positions onto alphas and back, one position or a batch, NumPy or torch.

    Encoding "logits": a position is all logits, cell after cell, row after row, in the box
    ``[-bound, bound]``. Each row of the alphas is centred, since softmax does not see its mean.
    All results are of the library, device and floating type of what is passed.

    Args:
        space: Anything with ``alpha_shapes``, such as a space.
        bound: Half the width of the box, > 0. The default 3 lets an edge all but decide (at the
            corner the preferred of 8 operations has probability 0.98), yet keeps the softmax from
            going flat, where a swarm would move without any effect.

    Raises:
        SettingError: A shape or the bound is out of range.

    Example:
        >>> adapter = Adapter.from_shapes({"cell": (2, 2)})
        >>> adapter.num_dims
        4
        >>> adapter.to_alphas(np.array([1.0, 3.0, 0.0, 0.0]))["cell"].tolist()
        [[-1.0, 1.0], [0.0, 0.0]]
    """

    def __init__(self, space: _HasAlphaShapes, *, bound: float = 3.0) -> None:
        self._bound = as_float("bound", bound, low=0.0, open_low=True)
        self._shapes = {name: _shape(name, shape) for name, shape in space.alpha_shapes.items()}
        if not self._shapes:
            raise SettingError(explain("shapes", "one cell or more", "none", "Name a cell."))

    @classmethod
    def from_shapes(cls, shapes: Shapes, *, bound: float = 3.0) -> Adapter:
        """Return the adapter of somebody's own network.

        Args:
            shapes: Name -> ``(edges, operations)`` of its logits.
            bound: As of the class.
        """
        return cls(_Shapes(shapes), bound=bound)

    @property
    def bound(self) -> float:
        """Half the width of the box."""
        return self._bound

    @property
    def alpha_shapes(self) -> dict[str, tuple[int, int]]:
        """Cell name -> ``(edges, operations)``."""
        return dict(self._shapes)

    @property
    def num_dims(self) -> int:
        """Length of a position."""
        return sum(map(math.prod, self._shapes.values()))

    @property
    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper corner of the box, each ``(num_dims,)``."""
        upper = np.full(self.num_dims, self._bound)
        return -upper, upper

    def to_alphas(self, positions: Array) -> dict[str, Array]:
        """Return the alphas of positions, rows centred.

        Args:
            positions: ``(..., num_dims)``.

        Returns:
            Cell name -> ``(..., E, O)``.

        Raises:
            ShapeError: The last axis is not ``num_dims`` long.
        """
        xp, positions = as_array(positions)
        if positions.ndim == 0 or positions.shape[-1] != self.num_dims:
            raise ShapeError(
                explain(
                    "positions",
                    f"shape (..., {self.num_dims})",
                    tuple(positions.shape),
                    "Use the box of adapter.bounds.",
                )
            )
        alphas, start = {}, 0
        for name, shape in self._shapes.items():
            stop = start + math.prod(shape)
            rows = xp.reshape(positions[..., start:stop], (*positions.shape[:-1], *shape))
            alphas[name] = rows - xp.mean(rows, axis=-1, keepdims=True)
            start = stop
        return alphas

    def to_position(self, alphas: Mapping[str, Array]) -> Array:
        """Return positions in the box that stand for the alphas.

        A row is centred, and then moved as little as brings it into the box; a row wider than the
        box is first scaled to its width, which keeps the order of its operations. Alphas that
        came from a position in the box are met exactly, up to rounding.

        Args:
            alphas: Cell name -> ``(..., E, O)``.

        Returns:
            ``(..., num_dims)``.

        Raises:
            ShapeError: The cells or shapes do not fit.
            SettingError: A logit is NaN or infinite.
        """
        parts = []
        for name, rows in check_alphas(alphas, self._shapes).items():
            xp: Any = array_namespace(rows)
            rows = rows - xp.mean(rows, axis=-1, keepdims=True)
            high = xp.max(rows, axis=-1, keepdims=True)
            low = xp.min(rows, axis=-1, keepdims=True)
            scale = 2 * self._bound / xp.clip(high - low, min=2 * self._bound)
            excess = xp.clip(high * scale - self._bound, min=0.0)
            lack = xp.clip(-self._bound - low * scale, min=0.0)
            rows = xp.clip(rows * scale - excess + lack, min=-self._bound, max=self._bound)
            parts.append(xp.reshape(rows, (*rows.shape[:-2], math.prod(self._shapes[name]))))
        return array_namespace(*parts).concat(parts, axis=-1)

    def probabilities(self, positions: Array) -> dict[str, Array]:
        """Return the softmax of the alphas of positions: ``(..., E, O)`` a cell, rows sum to 1.

        Raises:
            ShapeError: As :meth:`to_alphas`.
        """
        return {name: softmax(alphas) for name, alphas in self.to_alphas(positions).items()}

    def diversity(self, positions: Array) -> float:
        """Return how much the particles disagree about the operations, in [0, 1].

        On each edge: the total variation distance between a particle's softmax and the swarm's
        mean softmax, averaged over the particles, divided by the most that O operations allow,
        ``1 - 1/O``. The result is the mean over all edges with more than one operation. 0: all
        particles mix alike. 1: every particle has decided every edge, evenly over all operations.

        Args:
            positions: ``(n, num_dims)``.

        Raises:
            ShapeError: ``positions`` is no batch, is empty, or has another width.
        """
        _, positions = as_array(positions)
        if positions.ndim != 2 or positions.shape[0] == 0:
            raise ShapeError(
                explain(
                    "positions",
                    f"shape (n, {self.num_dims}) with n >= 1",
                    tuple(positions.shape),
                    "Pass the whole swarm.",
                )
            )

        def disagreement(mixing: Array) -> Array:
            xp: Any = array_namespace(mixing)
            distance = xp.sum(xp.abs(mixing - xp.mean(mixing, axis=0)), axis=-1) / 2
            return xp.sum(xp.mean(distance, axis=0)) / (1 - 1 / mixing.shape[-1])

        probabilities = self.probabilities(positions)
        return self._mean_over_edges({n: disagreement(probabilities[n]) for n in self._free()})

    def entropy(self, alphas: Mapping[str, Array]) -> float:
        """Return the mean entropy of the edges' softmax divided by ``log(O)``, in [0, 1].

        1: nothing is decided. 0: every edge is. Edges with one operation do not count; if there
        are no others, the result is 0.

        Args:
            alphas: Cell name -> ``(..., E, O)``; leading axes are averaged over.

        Raises:
            ShapeError: The cells or shapes do not fit.
            SettingError: A logit is NaN or infinite.
        """

        def uncertainty(logits: Array) -> Array:
            xp: Any = array_namespace(logits)
            mixing = softmax(logits)
            tiny = xp.finfo(mixing.dtype).smallest_normal
            entropies = -xp.sum(mixing * xp.log(xp.clip(mixing, min=tiny)), axis=-1)
            particles = max(1, math.prod(entropies.shape[:-1]))
            return xp.sum(entropies) / (math.log(logits.shape[-1]) * particles)

        checked = check_alphas(alphas, self._shapes)
        return self._mean_over_edges({name: uncertainty(checked[name]) for name in self._free()})

    def _free(self) -> list[str]:
        """Names of the cells whose edges have a choice."""
        return [name for name, (_, operations) in self._shapes.items() if operations > 1]

    def _mean_over_edges(self, sums: Mapping[str, Array]) -> float:
        """Return the mean over edges of sums over each cell's edges, without rounding's excess."""
        edges = sum(self._shapes[name][0] for name in sums)
        mean = sum(float(total) for total in sums.values()) / max(edges, 1)
        return min(max(mean, 0.0), 1.0)


class _Shapes:
    def __init__(self, shapes: Shapes) -> None:
        self.alpha_shapes = shapes


def _shape(name: str, shape: Any) -> tuple[int, int]:
    if not isinstance(shape, tuple | list) or len(shape) != 2:
        raise SettingError(
            explain(f"shapes[{name!r}]", "(edges, operations)", repr(shape), "Pass two integers.")
        )
    edges, operations = (as_int(f"shapes[{name!r}]", size, low=1) for size in shape)
    return edges, operations
