"""A cell as a module, and the stack of them between stem and head."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from swarmnas.checks import as_int, explain
from swarmnas.errors import DataError, ShapeError
from swarmnas.networks.layouts import Layout, Place, Reduction, layouts
from swarmnas.networks.normalisation import BatchNorm
from swarmnas.networks.operations import (
    Chain,
    FactorizedReduce,
    Operation,
    Pool,
    ReluConvBatchNorm,
    Zero,
    apply,
    operations,
)
from swarmnas.spaces import Cell, Space

__all__ = ["CellBlock", "Columns", "Stack", "Terms", "check_batch", "layout_for", "spread"]

Columns = Mapping[str, Sequence[Sequence[int]]]
"""Cell name -> for each edge, the columns of the operations to build."""

Weight = Tensor | float | None
"""How much of an operation goes into a sum: a number, one number a part, or all of it."""

Terms = Sequence[Sequence[tuple[int, Weight]]]
"""For each edge, positions among its built operations, and how much of each."""


class CellBlock(nn.Module):
    """One cell at its place.

    Args:
        cell: The cell as data.
        place: Channels and strides.
        columns: For each edge, the columns of the operations to build.
        affine: For batch normalisation inside the cell.
        track: For batch normalisation inside the cell.
        normalise_pools: Follow poolings by batch normalisation.
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
    ) -> None:
        super().__init__()
        self.cell, self.place = cell, place
        self.inputs = nn.ModuleList(
            FactorizedReduce(channels, place.channels, affine, track)
            if shrinks
            else ReluConvBatchNorm(channels, place.channels, 1, 1, affine, track)
            for channels, shrinks in zip(place.input_channels, place.input_shrinks, strict=True)
        )
        self.edges = nn.ModuleList(nn.ModuleList() for _ in cell.edges)
        for edge, built in enumerate(self.edges):
            for column in columns[edge]:
                module = operations.load(cell.operations_of(edge)[column])(
                    place.channels, place.channels, self.stride(edge), affine, track
                )
                if normalise_pools and isinstance(module, Pool):
                    module = Chain(module, BatchNorm(place.channels, affine=affine, track=track))
                built.append(module)
        self.outgoing = [
            [edge for edge, (source, _) in enumerate(cell.edges) if source == node]
            for node in range(cell.num_nodes)
        ]

    def stride(self, edge: int) -> int:
        """Return 2 for an edge from an input of a reducing cell, else 1."""
        from_input = self.cell.edges[edge].source < self.cell.num_inputs
        return 2 if self.place.reduces and from_input else 1

    def enter(self, inputs: Sequence[Tensor], batch: int) -> list[Tensor]:
        """Return the input nodes: the inputs, adapted where the place says so."""
        if not self.inputs:
            return list(inputs)
        return [
            adapt(images, len(images) // batch)
            for adapt, images in zip(self.inputs, inputs, strict=True)
        ]

    def empty(self, entered: Tensor) -> Tensor:
        """Return a node that nothing reaches, zeros; ``entered`` is an input node."""
        return cast(Tensor, Zero(self.place.channels, 2 if self.place.reduces else 1)(entered))

    def forward(
        self,
        inputs: Sequence[Tensor],
        terms: Terms,
        batch: int | None = None,
        shared: dict[int, list[Tensor]] | None = None,
    ) -> Tensor:
        """Return the cell's output.

        Args:
            inputs: ``num_inputs`` batches of images.
            terms: What to add up.
            batch: Images a part, where the inputs are several batches stacked along the first
                dimension. Weights are then ``(parts,)`` tensors, and an input of one part serves
                every part.
            shared: Results on nodes of one part by node, filled and used across calls that
                differ in weights alone.
        """
        batch = len(inputs[0]) if batch is None else batch
        nodes = self.enter(inputs, batch)
        sums = [Sum(batch) for _ in range(self.cell.num_nodes)]
        for source, edges in enumerate(self.outgoing):
            if source >= self.cell.num_inputs:
                summed = sums[source].images
                nodes.append(self.empty(nodes[0]) if summed is None else summed)
            jobs = [(edge, *term) for edge in edges for term in terms[edge]]
            modules = [self.edges[edge][number] for edge, number, _ in jobs]
            parts = len(nodes[source]) // batch
            if shared is None or parts > 1:
                outputs = spread(modules, nodes[source], parts)
            else:
                outputs = shared.setdefault(source, []) or spread(modules, nodes[source])
                shared[source] = outputs
            for (edge, _, weight), output in zip(jobs, outputs, strict=True):
                sums[self.cell.edges[edge].target].add(output, weight)
        return self.leave(nodes)

    def leave(self, nodes: Sequence[Tensor]) -> Tensor:
        """Return the cell's output, given its nodes."""
        if self.cell.output == "last":
            return nodes[-1]
        inner = nodes[self.cell.num_inputs :]
        most = max(len(images) for images in inner)  # an empty node may stand for all parts
        return torch.cat([images.repeat(most // len(images), 1, 1, 1) for images in inner], dim=1)


class Sum:
    """A weighted sum of images that makes no copy of a summand."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self._value: Tensor | None = None
        self._owned = False

    @property
    def images(self) -> Tensor | None:
        """The sum so far; None where nothing was added."""
        if self._value is not None and self._value.ndim == 5:
            return self._value.flatten(0, 1)
        return self._value

    def add(self, images: Tensor, weight: Weight) -> None:
        """Add ``weight * images``."""
        if isinstance(weight, Tensor) and weight.ndim == 1:
            images = images.unflatten(0, (-1, self.batch))
            weight = weight.view(-1, 1, 1, 1, 1)
        if self._value is None:
            self._value = images if weight is None else images * weight
            self._owned = weight is not None
        elif not self._owned:
            self._value = self._value + (images if weight is None else images * weight)
            self._owned = True
        elif isinstance(weight, Tensor):
            self._value.addcmul_(images, weight)
        else:
            self._value.add_(images, alpha=1 if weight is None else weight)


def spread(modules: Sequence[nn.Module], images: Tensor, parts: int = 1) -> list[Tensor]:
    """Return what each module makes of the same images, computing once what they share.

    The ReLU before convolutions is shared, operations without weights run once, and full
    convolutions of one shape run as one with all their output channels.
    """
    rectified: Tensor | None = None  # ReLU is not in place: others read the images too
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
            outputs[position] = module.body(source, parts)
        else:
            if module.signature not in known:
                known[module.signature] = module.body(source, parts)
            outputs[position] = known[module.signature]
    for positions in twins.values():
        group = [cast(Operation, modules[position]) for position in positions]
        together = group[0].together(group, cast(Tensor, rectified), parts)
        outputs.update(zip(positions, together, strict=True))
    return [outputs[position] for position in range(len(modules))]


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
    ) -> None:
        super().__init__()
        layout = layout_for(space)
        places = layout.places(space, as_int("channels", channels, low=1), as_int("cells", cells, low=1))
        self.in_channels = as_int("in_channels", in_channels, low=1)
        self.num_inputs = layout.num_inputs
        self.stem = layout.stem(in_channels, channels, track)
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
                    )
                )
                width = place.channels_out
            else:
                self.blocks.append(Reduction(place.channels_in, place.channels_out, track))
        self.head = layout.head(width, as_int("num_classes", num_classes, low=1), track)

    def forward(self, images: Tensor, terms: Mapping[str, Terms]) -> Tensor:
        """Return logits, ``(n, num_classes)``, of the cells with these terms."""
        history = [self.enter(images)] * self.num_inputs
        for block in self.blocks:
            if isinstance(block, CellBlock):
                output = block(history[-self.num_inputs :], terms[block.place.cell])
            else:
                output = block(history[-1])
            history = [*history[1:], output]
        return cast(Tensor, self.head(history[-1]))

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


def layout_for(space: Space) -> Layout:
    """Return the layout that the space names.

    Raises:
        UnknownNameError: There is no such layout.
        SettingError: The cells do not fit it.
    """
    layout = layouts.load(space.layout)()
    layout.check(space)
    return layout
