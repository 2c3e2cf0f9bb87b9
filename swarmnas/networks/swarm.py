"""The losses of a whole swarm on one mini-batch, computing once what particles share.

Mixed networks share the stem and every operation on what all particles see alike. Discrete ones
share more: a node's images are determined by the choices that lead to it, so particles that agree
in those choices share one copy, and each operation runs once on the distinct copies it is wanted
for. All of it is bookkeeping on integers; no result changes beyond rounding.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from swarmnas.networks.blocks import CellBlock, Stack, spread
from swarmnas.networks.mixtures import mixed_terms
from swarmnas.networks.operations import Operation, Zero, apply, memory_format

__all__ = ["DEFAULT_MEMORY", "swarm_losses"]

DEFAULT_MEMORY = 1 << 30
"""Bytes for the images of the particles that are evaluated together."""

_CACHE = 1 << 20
"""Bytes of images that one call on the CPU works on, so that the passes over them stay cached."""

Indices = NDArray[np.int64]


def swarm_losses(
    stack: Stack,
    images: Tensor,
    labels: Tensor,
    particles: Mapping[str, Tensor],
    *,
    memory_bound: int,
) -> tuple[Tensor, int]:
    """Return the loss of each particle, and the memory bound that sufficed.

    Args:
        stack: The supernet's body.
        images: ``(n, in_channels, height, width)``.
        labels: ``(n,)``.
        particles: Cell name -> mixing weights ``(P, E, O)`` (floating point) or columns
            ``(P, E)`` (integers).
        memory_bound: Bytes to start from; halved when memory runs out.

    Returns:
        ``(P,)`` losses, and the bound.
    """
    stem = stack.enter(images)
    num_particles = len(next(iter(particles.values())))
    mixed = next(iter(particles.values())).is_floating_point()
    evaluator = _Mixed(stack, stem, particles) if mixed else _Discrete(stack, stem, particles)
    each = _bytes_of_a_particle(stack, images)
    losses: list[Tensor] = []
    start = 0
    while start < num_particles:
        size = max(1, min(memory_bound // each, evaluator.most))
        stop = min(num_particles, start + size)
        try:
            losses.append(_losses(*evaluator.logits(start, stop), labels))
        except (RuntimeError, MemoryError) as error:
            if stop - start == 1 or not _is_out_of_memory(error):
                raise
            memory_bound = each * (stop - start) // 2
            continue
        start = stop
    return torch.cat(losses), memory_bound


def _losses(logits: Tensor, rows: Tensor, labels: Tensor) -> Tensor:
    """Return the loss of each particle; ``rows`` says which part of the logits is a particle's."""
    parts = len(logits) // len(labels)
    each = functional.cross_entropy(logits, labels.repeat(parts), reduction="none")
    return each.view(parts, -1).mean(1)[rows]


def _bytes_of_a_particle(stack: Stack, images: Tensor) -> int:
    """Return about how much one particle's images take in the largest cell."""
    pixels = len(images) * images.shape[2] * images.shape[3]
    places = [block.place for block in stack.blocks if isinstance(block, CellBlock)]
    nodes = max(block.cell.num_nodes for block in stack.blocks if isinstance(block, CellBlock))
    channels = max(
        (place.channels * nodes + place.channels_out + sum(place.input_channels))
        / 4**place.halvings
        for place in places
    )
    return max(1, int(pixels * channels * images.element_size()))


def _is_out_of_memory(error: BaseException) -> bool:
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def _cached_parts(images: Tensor, batch: int) -> int:
    """Return how many parts of ``images`` one call should work on."""
    if images.device.type != "cpu":
        return max(1, len(images) // batch)
    return max(1, _CACHE * len(images) // (batch * images.numel() * images.element_size()))


class _Mixed:
    """Every operation on every edge, weighted for each particle."""

    def __init__(self, stack: Stack, stem: Tensor, particles: Mapping[str, Tensor]) -> None:
        self.stack, self.stem = stack, stem
        self.terms = {name: mixed_terms(weights) for name, weights in particles.items()}
        self.most = _cached_parts(stem, len(stem)) if stem.device.type == "cpu" else len(stem)
        # By block, what its operations make of inputs that no choice has influenced.
        self.shared: dict[nn.Module, dict[int, list[Tensor]]] = {}

    def logits(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return logits of the particles ``start`` to ``stop``, one after another."""
        terms = {
            name: [[(column, cast(Tensor, w)[start:stop]) for column, w in edge] for edge in table]
            for name, table in self.terms.items()
        }
        batch = len(self.stem)
        history = [self.stem] * self.stack.num_inputs
        for block in self.stack.blocks:
            if isinstance(block, CellBlock):
                if block not in self.shared:
                    untouched = [n for n, images in enumerate(history) if images is self.stem]
                    self.shared[block] = {number: [] for number in untouched}
                output = block(history, terms[block.place.cell], batch, self.shared[block])
            else:
                output = apply(block, history[-1], len(history[-1]) // batch)
            history = [*history[1:], output]
        parts = len(history[-1]) // batch
        logits = apply(self.stack.head, history[-1], parts)
        rows = torch.arange(stop - start, device=logits.device)
        return logits, rows if parts > 1 else torch.zeros_like(rows)


@dataclass(frozen=True)
class _Copies:
    """The distinct images of a node, and which of them each particle sees."""

    images: Tensor
    """Parts stacked along the first dimension."""
    rows: Indices
    """``(P,)`` parts."""


class _Discrete:
    """One operation an edge for each particle."""

    def __init__(self, stack: Stack, stem: Tensor, particles: Mapping[str, Tensor]) -> None:
        self.stack, self.stem = stack, stem
        self.columns = {name: columns.numpy() for name, columns in particles.items()}
        self.most = len(next(iter(self.columns.values())))

    def logits(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return logits of the distinct networks, and which of them each particle is."""
        batch = len(self.stem)
        columns = {name: values[start:stop] for name, values in self.columns.items()}
        history = [_Copies(self.stem, np.zeros(stop - start, np.int64))] * self.stack.num_inputs
        for block in self.stack.blocks:
            if isinstance(block, CellBlock):
                output = _discrete_cell(block, history, columns[block.place.cell], batch)
            else:
                output = _each(block, history[-1], batch)
            history = [*history[1:], output]
        last = _each(self.stack.head, history[-1], batch)
        return last.images, torch.as_tensor(last.rows, device=last.images.device)


def _each(module: nn.Module, copies: _Copies, batch: int) -> _Copies:
    """Apply a module to every distinct copy, so many at a time as the cache holds."""
    step = _cached_parts(copies.images, batch) * batch
    slabs = torch.split(copies.images, step)
    outputs = [apply(module, part, len(part) // batch) for part in slabs]
    return _Copies(outputs[0] if len(outputs) == 1 else torch.cat(outputs), copies.rows)


def _discrete_cell(
    block: CellBlock, inputs: Sequence[_Copies], columns: Indices, batch: int
) -> _Copies:
    """Return the distinct outputs of a cell.

    Args:
        block: The cell.
        inputs: Distinct inputs.
        columns: ``(P, E)``, -1 where an edge is dropped.
        batch: Images a part.
    """
    cell = block.cell
    if block.inputs:
        pairs = zip(block.inputs, inputs, strict=True)
        inputs = [_each(adapt, copies, batch) for adapt, copies in pairs]
    silent = np.array(
        [
            [isinstance(block.operation(edge, column), Zero) for column in range(cell.shape[1])]
            for edge in range(cell.shape[0])
        ]
    )
    columns = np.where(silent[np.arange(len(silent)), columns], -1, columns)
    rows = [copies.rows for copies in inputs]
    nodes = [copies.images for copies in inputs]
    empty = block.empty(nodes[0][:batch])
    uses: list[list[_Use]] = [[] for _ in range(cell.num_nodes)]
    for node in range(cell.num_inputs, cell.num_nodes):
        edges = [number for number, edge in enumerate(cell.edges) if edge.target == node]
        # What a particle's node is made of: for each edge the source's copy and the operation.
        width = columns.max(initial=0) + 1
        parts = [
            np.where(columns[:, e] < 0, -1, rows[cell.edges[e].source] * width + columns[:, e])
            for e in edges
        ]
        made, of = np.unique(np.stack(parts, axis=1), axis=0, return_inverse=True)
        rows.append(of.reshape(-1))
        nodes.append(_blank(empty, len(made)).zero_())
        for edge, codes in zip(edges, made.T, strict=True):
            for column in np.unique(codes[codes >= 0] % width):
                (into,) = np.nonzero((codes >= 0) & (codes % width == column))
                module = block.operation(edge, column)
                uses[cell.edges[edge].source].append(_Use(module, node, codes[into] // width, into))
    for source, wanted in enumerate(uses):
        _deliver(nodes[source], wanted, nodes, batch)
    if cell.output == "last":
        return _Copies(nodes[-1], rows[-1])
    inner = range(cell.num_inputs, cell.num_nodes)
    made, of = np.unique(np.stack([rows[n] for n in inner], axis=1), axis=0, return_inverse=True)
    taken = [_take(nodes[n], made[:, i], batch) for i, n in enumerate(inner)]
    return _Copies(torch.cat(taken, dim=1), of.reshape(-1))


@dataclass(frozen=True)
class _Use:
    """An operation that copies of one node go through on their way into another node."""

    module: nn.Module
    target: int
    source_rows: Indices
    target_rows: Indices


def _deliver(images: Tensor, uses: Sequence[_Use], nodes: Sequence[Tensor], batch: int) -> None:
    """Run every use of a node's copies and add the results to the nodes that want them."""
    if len(images) == batch:  # all particles see the same, so every operation has the same input
        outputs = spread([use.module for use in uses], images)
        for use, output in zip(uses, outputs, strict=True):
            _add(nodes[use.target], use.target_rows, output, use.source_rows, batch)
        return
    step = _cached_parts(images, batch)
    for same in _grouped(uses):
        wanted = np.unique(np.concatenate([use.source_rows for use in same]))
        for start in range(0, len(wanted), step):
            some = wanted[start : start + step]
            output = apply(same[0].module, _take(images, some, batch), len(some))
            for use in same:
                inside = np.isin(use.source_rows, some)
                at = np.searchsorted(some, use.source_rows[inside])
                _add(nodes[use.target], use.target_rows[inside], output, at, batch)


def _grouped(uses: Sequence[_Use]) -> list[list[_Use]]:
    """Return the uses in groups of those whose modules compute the same."""
    groups: dict[Hashable, list[_Use]] = {}
    for use in uses:
        signature = use.module.signature if isinstance(use.module, Operation) else None
        groups.setdefault(use.module if signature is None else signature, []).append(use)
    return list(groups.values())


def _flat(images: Tensor, batch: int) -> Tensor:
    """View images as ``(parts, numbers)`` in the order that they have in memory."""
    if memory_format(images) is torch.channels_last:
        images = images.permute(0, 2, 3, 1)
    return images.view(len(images) // batch, -1)


def _blank(like: Tensor, parts: int) -> Tensor:
    """Return so many parts, unset, each shaped and laid out in memory as ``like``."""
    shape = (parts * len(like), *like.shape[1:])
    memory = memory_format(like)
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=memory)


def _take(images: Tensor, rows: Indices, batch: int) -> Tensor:
    """Return some parts, without a copy where they stand in a row."""
    first, count = int(rows[0]), len(rows)
    if np.array_equal(rows, np.arange(first, first + count)):
        return images[first * batch : (first + count) * batch]
    taken = _blank(images[:batch], count)
    index = torch.as_tensor(rows, device=images.device)
    torch.index_select(_flat(images, batch), 0, index, out=_flat(taken, batch))
    return taken


def _add(target: Tensor, into: Indices, output: Tensor, at: Indices, batch: int) -> None:
    """Add parts ``at`` of an output to parts ``into`` of a node; ``into`` holds none twice."""
    if not len(into):
        return
    output = output.contiguous(memory_format=memory_format(target))
    if len(output) == batch:
        added = _flat(output, batch).expand(len(into), -1)
    else:
        added = _flat(_take(output, at, batch), batch)
    _flat(target, batch).index_add_(0, torch.as_tensor(into, device=target.device), added)
