"""The losses of a whole swarm on one mini-batch, computing once what particles share.

Mixed networks share the stem and every operation on what all particles see alike. Discrete ones
share more: a node's images are determined by the choices that lead to it, so particles that agree
in those choices share one copy, and each operation runs once on the distinct copies it is wanted
for. All of it is bookkeeping on integers; no result changes beyond rounding. Where the images of
one particle fill the cache, discrete ones take turns like mixed ones: going through many of them
together would cost more than it shares.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from swarmnas.networks.blocks import CellBlock, Stack, Terms, spread
from swarmnas.networks.memory import is_out_of_memory
from swarmnas.networks.mixtures import discrete_terms, mixed_terms
from swarmnas.networks.operations import Operation, Skip, Zero, apply

__all__ = ["DEFAULT_MEMORY", "swarm_losses"]

DEFAULT_MEMORY = 1 << 30
"""Bytes for the images of the particles that are evaluated together."""

_CACHE = 1 << 22
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
    if next(iter(particles.values())).is_floating_point():
        evaluator: _Mixed | _Alone | _Discrete = _Mixed(stack, stem, particles)
    else:
        blocks = {block.place.cell: block for block in stack.cells}
        columns = {name: _telling(blocks[name], rows.numpy()) for name, rows in particles.items()}
        evaluator = (_Alone if _cached_parts(stem) == 1 else _Discrete)(stack, stem, columns)
    each = _bytes_of_a_particle(stack, images)
    losses: list[Tensor] = []
    start = 0
    while start < num_particles:
        size = max(1, min(memory_bound // each, evaluator.most))
        stop = min(num_particles, start + size)
        try:
            losses.append(_losses(*evaluator.logits(start, stop), labels))
        except (RuntimeError, MemoryError) as error:
            if stop - start == 1 or not is_out_of_memory(error):
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
    places = [block.place for block in stack.cells]
    nodes = max(block.cell.num_nodes for block in stack.cells)
    channels = max(
        (place.channels * nodes + place.channels_out + sum(place.input_channels))
        / 4**place.halvings
        for place in places
    )
    return max(1, int(pixels * channels * images.element_size()))


def _cached_parts(part: Tensor) -> int:
    """Return how many batches like this one call should work on."""
    if part.device.type != "cpu":
        return sys.maxsize
    return max(1, _CACHE // (part.numel() * part.element_size()))


class _Whole:
    """Particles that share the stem and the operations on it, and nothing else."""

    most: int

    def __init__(self, stack: Stack, stem: Tensor) -> None:
        self.stack, self.stem = stack, stem
        # By block, what its operations make of inputs that no choice has influenced.
        self.shared: dict[nn.Module, dict[int, dict[nn.Module, Tensor]]] = {}

    def terms(self, start: int, stop: int) -> Mapping[str, Terms]:
        """Return the terms of the particles ``start`` to ``stop``."""
        raise NotImplementedError

    def logits(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return logits of the particles ``start`` to ``stop``, one after another."""
        terms = self.terms(start, stop)
        batch = len(self.stem)
        history = [self.stem] * self.stack.num_inputs
        for block in self.stack.blocks:
            if isinstance(block, CellBlock):
                if block not in self.shared:
                    untouched = [n for n, images in enumerate(history) if images is self.stem]
                    self.shared[block] = {number: {} for number in untouched}
                output = block(history, terms[block.place.cell], batch, self.shared[block])
            else:
                output = apply(block, history[-1], len(history[-1]) // batch)
            history = [*history[1:], output]
        parts = len(history[-1]) // batch
        logits = apply(self.stack.head, history[-1], parts)
        rows = torch.arange(stop - start, device=logits.device)
        return logits, rows if parts > 1 else torch.zeros_like(rows)


class _Mixed(_Whole):
    """Every operation on every edge, weighted for each particle."""

    def __init__(self, stack: Stack, stem: Tensor, particles: Mapping[str, Tensor]) -> None:
        super().__init__(stack, stem)
        self.particles = {name: rows.detach() for name, rows in particles.items()}
        self.most = _cached_parts(stem)

    def terms(self, start: int, stop: int) -> Mapping[str, Terms]:
        """Return the weights of some particles; of one alone as numbers, which cost less."""
        some = slice(start, stop) if stop - start > 1 else start
        return {name: mixed_terms(rows[some]) for name, rows in self.particles.items()}


class _Alone(_Whole):
    """One operation an edge, a particle at a time: for images that fill the cache by themselves."""

    most = 1

    def __init__(self, stack: Stack, stem: Tensor, columns: Mapping[str, Indices]) -> None:
        super().__init__(stack, stem)
        self.columns = {name: rows.tolist() for name, rows in columns.items()}
        self.known: dict[str, tuple[Tensor, Tensor]] = {}

    def terms(self, start: int, stop: int) -> Mapping[str, Terms]:
        """Return the operations of a particle."""
        return {name: discrete_terms(rows[start]) for name, rows in self.columns.items()}

    def logits(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return logits of a particle; equal ones are evaluated once."""
        terms = str(self.terms(start, stop))
        if terms not in self.known:
            self.known[terms] = super().logits(start, stop)
        return self.known[terms]


class _Copies:
    """The distinct images of a node, and which of them each particle sees.

    Args:
        parts: One batch for each copy.
        rows: ``(P,)`` numbers of parts.
    """

    def __init__(self, parts: Sequence[Tensor], rows: Indices) -> None:
        self.parts = list(parts)
        self.rows = rows
        self._reached = np.zeros(len(parts), bool)
        self._owned = np.zeros(len(parts), bool)

    def add(self, into: Indices, images: Sequence[Tensor], unread: NDArray[np.bool_]) -> None:
        """Add images to the parts ``into``, which names none twice.

        The first images that a part is given replace it; they are shared, not copied. Where
        nobody else reads images (``unread``), sums are made in place of them.
        """
        (places,) = np.nonzero(self._owned[into])
        if len(places):
            torch._foreach_add_(
                [self.parts[into[at]] for at in places], [images[int(at)] for at in places]
            )
        for at in np.flatnonzero(~self._owned[into]):
            part, given = into[at], images[int(at)]
            if not self._reached[part]:
                self.parts[part], self._owned[part] = given, unread[at]
                continue
            before, self._owned[part] = self.parts[part], True
            self.parts[part] = given.add_(before) if unread[at] else before + given
        self._reached[into] = True

    def unreached(self) -> list[int]:
        """Return the parts that nothing was added to."""
        return np.flatnonzero(~self._reached).tolist()

    def take(self, rows: Indices) -> Tensor:
        """Return some parts, stacked."""
        if len(rows) == 1:
            return self.parts[int(rows[0])]
        return torch.cat([self.parts[row] for row in rows])


class _Discrete:
    """One operation an edge for each particle."""

    def __init__(self, stack: Stack, stem: Tensor, columns: Mapping[str, Indices]) -> None:
        self.stack, self.stem, self.columns = stack, stem, columns
        self.most = len(next(iter(columns.values())))

    def logits(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return logits of the distinct networks, and which of them each particle is."""
        columns = {name: values[start:stop] for name, values in self.columns.items()}
        stem = _Copies([self.stem], np.zeros(stop - start, np.int64))
        history = [stem] * self.stack.num_inputs
        for block in self.stack.blocks:
            if isinstance(block, CellBlock):
                output = _discrete_cell(block, history, columns[block.place.cell])
            else:
                output = _each(block, history[-1])
            history = [*history[1:], output]
        last = _each(self.stack.head, history[-1])
        logits = torch.cat(last.parts)
        return logits, torch.as_tensor(last.rows, device=logits.device)


def _each(module: nn.Module, copies: _Copies) -> _Copies:
    """Apply a module to every distinct copy, so many at a time as the cache holds."""
    parts: list[Tensor] = []
    step = _cached_parts(copies.parts[0])
    for start in range(0, len(copies.parts), step):
        some = np.arange(start, min(start + step, len(copies.parts)))
        parts += _applied(module, copies, some)
    return _Copies(parts, copies.rows)


def _telling(block: CellBlock, columns: Indices) -> Indices:
    """Return columns with -1 for what adds nothing to the output of a cell.

    That is ``none``, operations on a node that nothing reaches, those into a node that nobody
    reads, and what follows from it.

    Args:
        block: A cell.
        columns: ``(P, E)``, -1 where an edge is dropped.
    """
    cell, columns = block.cell, columns.copy()
    modules = [[block.operation(e, o) for o in range(cell.shape[1])] for e in range(cell.shape[0])]
    silent = np.array([[isinstance(module, Zero) for module in row] for row in modules])
    keeps = np.array([[getattr(module, "keeps_zeros", False) for module in row] for row in modules])
    into: list[list[int]] = [[] for _ in range(cell.num_nodes)]
    for edge, (_, target) in enumerate(cell.edges):
        into[target].append(edge)
    reached = np.zeros((cell.num_nodes, len(columns)), bool)
    reached[: cell.num_inputs] = True
    for node in range(cell.num_inputs, cell.num_nodes):
        for edge in into[node]:
            chosen = columns[:, edge]
            idle = silent[edge, chosen] | (keeps[edge, chosen] & ~reached[cell.edges[edge].source])
            chosen[idle] = -1
            reached[node] |= chosen >= 0
    read = np.zeros_like(reached)
    read[-1 if cell.output == "last" else slice(cell.num_inputs, None)] = True
    for node in reversed(range(cell.num_nodes)):
        for edge in into[node]:
            columns[~read[node], edge] = -1
            read[cell.edges[edge].source] |= columns[:, edge] >= 0
    return columns


def _discrete_cell(block: CellBlock, inputs: Sequence[_Copies], columns: Indices) -> _Copies:
    """Return the distinct outputs of a cell.

    Args:
        block: The cell.
        inputs: Distinct inputs.
        columns: ``(P, E)``, -1 where an edge is dropped.
    """
    cell = block.cell
    if block.inputs:
        pairs = zip(block.inputs, inputs, strict=True)
        inputs = [_each(adapt, copies) for adapt, copies in pairs]
    nodes = list(inputs)
    uses: list[list[_Use]] = [[] for _ in range(cell.num_nodes)]
    for node in range(cell.num_inputs, cell.num_nodes):
        edges = [number for number, edge in enumerate(cell.edges) if edge.target == node]
        # What a particle's node is made of: for each edge the operation and the source's copy.
        codes = [_codes(columns[:, edge], nodes[cell.edges[edge].source]) for edge in edges]
        made, of = np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)
        nodes.append(_Copies([inputs[0].parts[0]] * len(made), of.reshape(-1)))
        for edge, ingredients in zip(edges, made.T, strict=True):
            source = cell.edges[edge].source
            for column in np.unique(columns[columns[:, edge] >= 0, edge]):
                wanted = ingredients - column * len(nodes[source].parts)
                (into,) = np.nonzero((wanted >= 0) & (wanted < len(nodes[source].parts)))
                module = block.operation(edge, column)
                uses[source].append(_Use(module, nodes[node], wanted[into], into))
    for node, (copies, wanted_for) in enumerate(zip(nodes, uses, strict=True)):
        if node >= cell.num_inputs and (silent_parts := copies.unreached()):
            empty = block.empty(node, inputs[0].parts[0])
            for part in silent_parts:
                copies.parts[part] = empty
        _deliver(copies, wanted_for)
    if cell.output == "last":
        return nodes[-1]
    inner = nodes[cell.num_inputs :]
    rows = np.stack([copies.rows for copies in inner], axis=1)
    made, of = np.unique(rows, axis=0, return_inverse=True)
    whole = [
        torch.cat([copies.parts[row] for copies, row in zip(inner, rows_of, strict=True)], dim=1)
        for rows_of in made
    ]
    return _Copies(whole, of.reshape(-1))


def _codes(columns: Indices, source: _Copies) -> Indices:
    """Return one number for each pair of an operation and a copy of its source; -1 for none."""
    return np.where(columns < 0, -1, columns * len(source.parts) + source.rows)


@dataclass(frozen=True)
class _Use:
    """An operation that copies of one node go through on their way into another node."""

    module: nn.Module
    target: _Copies
    source_rows: Indices
    target_rows: Indices


def _deliver(source: _Copies, uses: Sequence[_Use]) -> None:
    """Run every use of a node's copies and add the results to the nodes that want them."""
    if len(source.parts) == 1:  # all particles see the same, so every operation has the same input
        outputs = spread([use.module for use in uses], source.parts[0])
        for use, output in zip(uses, outputs, strict=True):
            many = len(use.target_rows)
            use.target.add(use.target_rows, [output] * many, np.zeros(many, bool))
        return
    step = _cached_parts(source.parts[0])
    for same in _grouped(uses):
        wanted = np.unique(np.concatenate([use.source_rows for use in same]))
        for start in range(0, len(wanted), step):
            some = wanted[start : start + step]
            parts = _applied(same[0].module, source, some)
            inside = [(use.source_rows >= some[0]) & (use.source_rows <= some[-1]) for use in same]
            rows = [
                np.searchsorted(some, use.source_rows[here])
                for use, here in zip(same, inside, strict=True)
            ]
            unread = np.bincount(np.concatenate(rows), minlength=len(some)) == 1
            if parts[0].data_ptr() == source.parts[int(some[0])].data_ptr():
                unread[:] = False
            for use, here, at in zip(same, inside, rows, strict=True):
                use.target.add(use.target_rows[here], [parts[row] for row in at], unread[at])


def _applied(module: nn.Module, source: _Copies, rows: Indices) -> Sequence[Tensor]:
    """Return what a module makes of some copies."""
    if isinstance(module, Skip):
        return [source.parts[row] for row in rows]
    taken, count = source.take(rows), len(rows)
    if count > 1 and isinstance(module, Operation) and module.rectifies:
        return module.body(functional.relu_(taken), count).chunk(count)  # nobody else reads them
    return apply(module, taken, count).chunk(count)


def _grouped(uses: Sequence[_Use]) -> list[list[_Use]]:
    """Return the uses in groups of those whose modules compute the same."""
    groups: dict[Hashable, list[_Use]] = {}
    for use in uses:
        signature = use.module.signature if isinstance(use.module, Operation) else None
        groups.setdefault(use.module if signature is None else signature, []).append(use)
    return list(groups.values())
