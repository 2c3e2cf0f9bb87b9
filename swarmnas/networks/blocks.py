"""A cell as a module, and the stack of them between stem and head."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from swarmnas.checks import as_int, explain
from swarmnas.errors import DataError, ShapeError
from swarmnas.networks.layouts import Layout, Node, Place, Reduction, layouts
from swarmnas.networks.normalisation import BatchNorm, Deferred, Scale
from swarmnas.networks.operations import (
    Chain,
    FactorizedReduce,
    Operation,
    Pool,
    ReluConvBatchNorm,
    Skip,
    Zero,
    apply,
    blank,
    build,
)
from swarmnas.networks.partial import Partial, bypass, interleave, share, split
from swarmnas.spaces import Cell, Space

__all__ = ["CellBlock", "Columns", "Shape", "Stack", "Terms", "check_batch", "layout_for", "spread"]

Columns = Mapping[str, Sequence[Sequence[int]]]
"""Cell name -> for each edge, the columns of the operations to build."""

Weight = Tensor | float | None
"""How much of an operation goes into a sum: a number, one number a part, numbers of any shape that
broadcasts against the images, or all of it."""

Terms = Sequence[Sequence[tuple[int, Weight]]]
"""For each edge, positions among its built operations, and how much of each."""


class Shape(NamedTuple):
    """What an operation on an edge must do besides its own."""

    channels_in: int
    channels_out: int
    stride: int
    halvings: int
    """How often the images were halved before the edge."""


class CellBlock(nn.Module):
    """One cell at its place.

    Args:
        cell: The cell as data.
        place: Channels and strides.
        columns: For each edge, the columns of the operations to build.
        affine: For batch normalisation inside the cell.
        track: For batch normalisation inside the cell.
        normalise_pools: Follow poolings by batch normalisation.
        partial: Operations work on one of so many shares of the channels.
        auxiliary_skip: Build a skip connection on each edge, after its operations.

    Attributes:
        drop_path: Probability with which training leaves an operation, but for the identity, out
            of an image's sum; the others are scaled up to make good for it.
    """

    def __init__(
        self,
        cell: Cell,
        place: Place,
        columns: Sequence[Sequence[int]],
        *,
        affine: bool,
        track: bool,
        normalise_pools: bool,
        partial: int = 1,
        auxiliary_skip: bool = False,
    ) -> None:
        super().__init__()
        self.partial, self.drop_path = partial, 0.0
        self.cell, self.place = cell, place
        self.nodes = place.nodes or tuple(
            Node(place.channels, int(place.reduces and node >= cell.num_inputs))
            for node in range(cell.num_nodes)
        )
        self.inputs = nn.ModuleList(
            FactorizedReduce(channels, place.channels, affine, track)
            if shrinks
            else ReluConvBatchNorm(channels, place.channels, 1, 1, affine, track)
            for channels, shrinks in zip(place.input_channels, place.input_shrinks, strict=True)
        )
        self.edges = nn.ModuleList(nn.ModuleList() for _ in cell.edges)
        for edge, chosen in enumerate(columns):
            channels_in, channels_out, stride, _ = self.shape(edge)
            if partial > 1:
                channels_in = channels_out = share(channels_in, channels_out, partial)
            names = [cell.operations_of(edge)[column] for column in chosen]
            for name in [*names, "skip_connect"] if auxiliary_skip else names:
                module = build(name, channels_in, channels_out, stride, affine, track)
                if normalise_pools and isinstance(module, Pool):
                    module = Chain(module, BatchNorm(channels_out, affine=affine, track=track))
                cast(nn.ModuleList, self.edges[edge]).append(module)
        self._everything: Terms = [
            [(position, None) for position in range(len(cast(nn.ModuleList, edge)))]
            for edge in self.edges
        ]
        self.outgoing = [
            [edge for edge, (source, _) in enumerate(cell.edges) if source == node]
            for node in range(cell.num_nodes)
        ]

    def shape(self, edge: int) -> Shape:
        """Return what an edge makes of channels and sides."""
        source, target = (self.nodes[node] for node in self.cell.edges[edge])
        return Shape(
            source.channels,
            target.channels,
            2 ** (target.halvings - source.halvings),
            self.place.halvings + source.halvings,
        )

    def enter(
        self, inputs: Sequence[Tensor], batch: int, *, rectified: bool = False
    ) -> list[Tensor]:
        """Return the input nodes: the inputs, adapted where the place says so.

        Args:
            inputs: ``num_inputs`` batches of images.
            batch: Images a part.
            rectified: The inputs went through the ReLU that adapting them begins with.
        """
        if not self.inputs:
            return list(inputs)
        return [
            (cast(nn.Module, adapt.body) if rectified else adapt)(images, images.shape[0] // batch)
            for adapt, images in zip(self.inputs, inputs, strict=True)
        ]

    def empty(self, node: int, entered: Tensor) -> Tensor:
        """Return a node that nothing reaches, zeros; ``entered`` is an input node."""
        channels, halvings = self.nodes[node]
        return Zero(channels, 2**halvings).body(entered)

    def forward(
        self,
        inputs: Sequence[Tensor],
        terms: Terms | None = None,
        batch: int | None = None,
        shared: dict[int, dict[nn.Module, Tensor]] | None = None,
        *,
        rectified: bool = False,
    ) -> Tensor:
        """Return the cell's output.

        Args:
            inputs: ``num_inputs`` batches of images.
            terms: What to add up; None adds up all that was built.
            batch: Images a part, where the inputs are several batches stacked along the first
                dimension. Weights are then ``(parts,)`` tensors, and an input of one part serves
                every part.
            shared: For input nodes that are the same in several calls: what operations make of
                them; what a call needs and does not find there is added.
            rectified: As for :meth:`enter`.
        """
        alone = batch is None
        terms = self._everything if terms is None else terms
        batch = inputs[0].shape[0] if batch is None else batch  # len() would fix it in an export
        nodes = self.enter(inputs, batch, rectified=rectified)
        sums = [Sum(batch) for _ in range(self.cell.num_nodes)]
        passed = [Sum(batch) for _ in range(self.cell.num_nodes)]
        drops = self.drop_path if self.training and alone else 0.0
        for source, edges in enumerate(self.outgoing):
            if source >= self.cell.num_inputs:
                nodes.append(self._node(source, nodes[0], sums[source], passed[source]))
            images = nodes[source]
            if self.partial > 1:
                images, rest = split(images, self.partial)
                self._pass(rest, edges, terms, passed)
            jobs = [
                (edge, cast(nn.ModuleList, self.edges[edge])[number], weight)
                for edge in edges
                for number, weight in terms[edge]
            ]
            jobs = [job for job in jobs if not isinstance(job[1], Zero)]
            if drops:
                jobs = [(edge, m, _dropped(m, weight, images, drops)) for edge, m, weight in jobs]
            modules = [module for _, module, _ in jobs]
            weights: list[Weight | Deferred] = [weight for _, _, weight in jobs]
            parts = images.shape[0] // batch
            if shared is not None and source in shared:
                known = shared[source]
                missing = [module for module in modules if module not in known]
                known.update(zip(missing, spread(missing, images, parts), strict=True))
                outputs = [known[module] for module in modules]
            else:
                outputs = spread(modules, images, parts, weights)
            for (edge, _, _), output, weight in zip(jobs, outputs, weights, strict=True):
                sums[self.cell.edges[edge].target].add(output, weight)
        return self.leave(nodes)

    def _pass(
        self, rest: Tensor, edges: Sequence[int], terms: Terms, passed: Sequence[Sum]
    ) -> None:
        """Add the channels that pass by, as much of them as there is of an edge's operations."""
        for edge in edges:
            weights = [weight for number, weight in terms[edge] if number < self.cell.shape[1]]
            if weights:
                whole = None if weights[0] is None else sum(cast(list[Tensor], weights))
                target = passed[self.cell.edges[edge].target]
                target.add(bypass(rest, self.shape(edge).stride), whole)

    def _node(self, node: int, entered: Tensor, worked: Sum, passed: Sum) -> Tensor:
        """Return what was added up for a node; ``entered`` is an input node."""
        images = worked.total()
        if passed.images is not None:
            if images is None:
                images = blank(passed.images, self.nodes[node].channels // self.partial, 1).zero_()
            return interleave(images, passed.images, self.partial)
        return self.empty(node, entered) if images is None else images

    def operation(self, edge: int, position: int) -> nn.Module:
        """Return one of the operations built on an edge, on all channels."""
        built = cast(nn.ModuleList, self.edges[edge])[position]
        if self.partial == 1:
            return built
        return Partial(built, self.partial, self.shape(edge).stride)

    def leave(self, nodes: Sequence[Tensor]) -> Tensor:
        """Return the cell's output, given its nodes."""
        if self.cell.output == "last":
            return nodes[-1]
        inner = nodes[self.cell.num_inputs :]
        most = max(images.shape[0] for images in inner)  # an empty node may stand for all parts
        return torch.cat([_repeated(images, most // images.shape[0]) for images in inner], dim=1)


def _repeated(images: Tensor, times: int) -> Tensor:
    # Tensor.repeat would lay images out contiguously, and all that follows with them.
    return images if times == 1 else torch.cat([images] * times)


def _dropped(module: nn.Module, weight: Weight, images: Tensor, drop: float) -> Weight:
    """Return a weight for each image: 0 where the operation is left out."""
    if isinstance(module, Skip):
        return weight
    keep = 1 - drop
    kept = (torch.rand(images.shape[0], 1, 1, 1) < keep).to(images) / keep
    return kept if weight is None else weight * kept


class Sum:
    """A weighted sum of images that makes no copy of a summand.

    Args:
        batch: Images a part, for weights of one number a part.
    """

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.images: Tensor | None = None
        """The sum so far, None where nothing was added; :meth:`total` completes it."""
        self._owned = False
        self._shift: Tensor | None = None

    def add(self, images: Tensor, weight: Weight | Deferred) -> None:
        """Add ``weight * images``; one part of images may meet the weights of many."""
        if isinstance(weight, Deferred):
            self._shift = weight.shift if self._shift is None else self._shift.add_(weight.shift)
            weight = weight.factor.view(1, -1, 1, 1)
        if self._owned and self.images is not None:
            if not isinstance(weight, Tensor):
                self.images.add_(images, alpha=1 if weight is None else weight)
            elif weight.ndim == 1:
                self._apart(self.images).addcmul_(self._apart(images), _across(weight))
            else:
                self.images.addcmul_(images, weight)
            return
        if self.images is not None and isinstance(weight, Tensor) and weight.ndim > 1:
            self._owned, self.images = True, torch.addcmul(self.images, images, weight)
            return
        if isinstance(weight, Tensor) and weight.ndim == 1:
            images = (self._apart(images) * _across(weight)).flatten(0, 1)
        elif weight is not None:
            images = images * weight
        self._owned = weight is not None or self.images is not None
        self.images = images if self.images is None else self.images + images

    def total(self) -> Tensor | None:
        """Return the sum; None where nothing was added."""
        if self.images is not None and self._shift is not None:
            self.images.add_(self._shift.view(1, -1, 1, 1))
            self._shift = None
        return self.images

    def _apart(self, images: Tensor) -> Tensor:
        return images.view(len(images) // self.batch, self.batch, *images.shape[1:])


def _across(weight: Tensor) -> Tensor:
    return weight.view(-1, 1, 1, 1, 1)


def spread(
    modules: Sequence[nn.Module],
    images: Tensor,
    parts: int = 1,
    weights: list[Weight | Deferred] | None = None,
) -> list[Tensor]:
    """Return what each module makes of the same images, computing once what they share.

    The ReLU before convolutions is shared, operations without weights run once, and full
    convolutions of one shape run as one with all their output channels.

    Args:
        modules: What to run.
        images: ``parts`` batches stacked along the first dimension.
        parts: How many.
        weights: Factors of the outputs; those that cost nothing to apply are applied and become
            None in this list, or a normalisation that is still to come.
    """
    rectified: Tensor | None = None
    outputs: dict[int, Tensor] = {}
    known: dict[Hashable, Tensor] = {}
    twins: dict[Hashable, list[int]] = {}
    for position, module in enumerate(modules):
        if not isinstance(module, Operation):
            outputs[position] = apply(module, images, parts)
            continue
        if module.rectifies and rectified is None:
            rectified = functional.relu(images)
        source = cast(Tensor, rectified) if module.rectifies else images
        if module.twin is not None:
            twins.setdefault(module.twin, []).append(position)
        elif module.signature is None:
            scale: Scale = _deferred(module, position, weights, images, parts)
            scale = scale or _scale(module, [position], weights, images, parts)
            outputs[position] = module.body(source, parts, scale)
        else:
            if module.signature not in known:
                known[module.signature] = module.body(source, parts)
            outputs[position] = known[module.signature]
    for positions in twins.values():
        group = [cast(Operation, modules[position]) for position in positions]
        scale = _scale(group[0], positions, weights, images, parts)
        joint = group[0].together(group, cast(Tensor, rectified), parts, scale)
        outputs.update(zip(positions, joint, strict=True))
    return [outputs[position] for position in range(len(modules))]


def _deferred(
    module: Operation,
    position: int,
    weights: list[Weight | Deferred] | None,
    images: Tensor,
    parts: int,
) -> Deferred | None:
    """Return a weight's normalisation if it pays to leave it to the sum, and note it there."""
    weight = None if weights is None or not module.scales else weights[position]
    if weights is None or not isinstance(weight, float) or not Deferred.pays(images, parts):
        return None
    weights[position] = deferred = Deferred(weight)
    return deferred


def _scale(
    module: Operation,
    positions: Sequence[int],
    weights: list[Weight | Deferred] | None,
    images: Tensor,
    parts: int,
) -> Tensor | None:
    """Return the weights at some positions, ``(1 or parts, n)``, and mark them applied."""
    if not module.scales or weights is None or weights[positions[0]] is None:
        return None
    chosen = [weights[position] for position in positions]
    if isinstance(chosen[0], Tensor):
        factors = torch.stack([cast(Tensor, weight).reshape(-1) for weight in chosen], dim=1)
        if len(factors) not in (1, parts):
            return None
    else:
        factors = images.new_tensor([chosen])
    for position in positions:
        weights[position] = None
    return factors


class Stack(nn.Module):
    """Stem, cells and head.

    Args:
        space: The space whose layout and cells to build.
        columns: Which operations to build on each edge.
        num_classes: Logits of the head.
        in_channels: Channels of the images.
        channels: Channels of the first cells.
        cells: How many cells, counted as the layout does.
        affine: For batch normalisation inside the cells.
        track: Keep running statistics in every batch normalisation.
        normalise_pools: Follow poolings by batch normalisation.
        large: Build the layout for large images, where it has one.
        partial: As for :class:`CellBlock`.
        auxiliary_skip: As for :class:`CellBlock`.

    Raises:
        SettingError: The space's cells do not fit its layout, or a number is too small.
        UnknownNameError: No module provides an operation, or no class the layout.
    """

    def __init__(
        self,
        space: Space,
        columns: Columns,
        *,
        num_classes: int,
        in_channels: int,
        channels: int,
        cells: int,
        affine: bool,
        track: bool,
        normalise_pools: bool,
        large: bool = False,
        partial: int = 1,
        auxiliary_skip: bool = False,
    ) -> None:
        super().__init__()
        layout = layout_for(space, large=large)
        places = layout.places(
            space, as_int("channels", channels, low=1), as_int("cells", cells, low=1)
        )
        self.in_channels = as_int("in_channels", in_channels, low=1)
        self.num_inputs = layout.num_inputs
        self.stem = layout.stem(in_channels, channels, track)
        self.later_stems = nn.ModuleList(layout.later_stems(channels, track))
        self.blocks = nn.ModuleList()
        width = channels
        for place in places:
            if isinstance(place, Place):
                self.blocks.append(
                    CellBlock(
                        space.cells[place.cell],
                        place,
                        columns[place.cell],
                        affine=affine,
                        track=track,
                        normalise_pools=normalise_pools,
                        partial=partial,
                        auxiliary_skip=auxiliary_skip,
                    )
                )
                width = place.channels_out
            else:
                self.blocks.append(Reduction(place.channels_in, place.channels_out, track))
        self.head = layout.head(width, as_int("num_classes", num_classes, low=1), track)

    @property
    def cells(self) -> list[CellBlock]:
        """The blocks that are cells, in order."""
        return [block for block in self.blocks if isinstance(block, CellBlock)]

    @property
    def drop_path(self) -> float:
        """What all cells have as theirs; see :class:`CellBlock`."""
        return self.cells[0].drop_path

    @drop_path.setter
    def drop_path(self, probability: float) -> None:
        for block in self.cells:
            block.drop_path = probability

    def forward(self, images: Tensor, terms: Mapping[str, Terms]) -> Tensor:
        """Return logits, ``(n, num_classes)``, of the cells with these terms."""
        history = self.begin(images)
        for block in self.blocks:
            if isinstance(block, CellBlock):
                output = block(history, terms[block.place.cell])
            else:
                output = block(history[-1])
            history = [*history[1:], output]
        return cast(Tensor, self.head(history[-1]))

    def begin(self, images: Tensor) -> list[Tensor]:
        """Return what the first block reads; see :meth:`enter`."""
        outputs = [self.enter(images)]
        for stem in self.later_stems:
            outputs.append(stem(outputs[-1]))
        return [outputs[0]] * (self.num_inputs - len(outputs)) + outputs

    def enter(self, images: Tensor) -> Tensor:
        """Check a batch and return what the stem makes of it, in the layout that is faster.

        Raises:
            ShapeError: The images have other dimensions or channels than the network.
            DataError: The images are no floating-point numbers.
        """
        if images.ndim != 4 or images.shape[1] != self.in_channels:
            raise ShapeError(
                explain(
                    "images",
                    f"shape (n, {self.in_channels}, height, width)",
                    tuple(images.shape),
                    "Pass in_channels to the network, or images of that many channels.",
                )
            )
        if not images.is_floating_point():
            raise DataError(
                explain("images", "floating-point numbers", images.dtype, "Normalise them first.")
            )
        if images.device.type != "cpu":
            return cast(Tensor, self.stem(images))
        # Convolutions, poolings and sums on the CPU are up to five times as fast this way.
        images = images.contiguous(memory_format=torch.channels_last)
        return cast(Tensor, self.stem(images)).contiguous(memory_format=torch.channels_last)


def check_batch(images: Tensor) -> None:
    """Refuse a batch that has no variance to normalise by.

    Raises:
        ShapeError: There are fewer than two images.
    """
    if len(images) < 2:
        raise ShapeError(
            explain(
                "images",
                "two or more, since batch normalisation uses their variance",
                len(images),
                "Use a larger batch, or drop the last one.",
            )
        )


def layout_for(space: Space, *, large: bool = False) -> Layout:
    """Return the layout that the space names, or its form for large images.

    Raises:
        UnknownNameError: There is no such layout.
        SettingError: The cells do not fit it.
    """
    kind = layouts.load(space.layout)
    layout = (kind.large if large and kind.large else kind)()
    layout.check(space)
    return layout
