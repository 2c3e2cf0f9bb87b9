"""Macro skeletons: the stem, where the cells stand, and the head, for each layout of a space.

References:
    "darts-stack": Liu, Simonyan and Yang, "DARTS: Differentiable Architecture Search", ICLR 2019.
    "residual-stages": Dong and Yang, "NAS-Bench-201", ICLR 2020.
    Differs from the papers: sides need not be divisible by four.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from swarmnas.checks import explain
from swarmnas.errors import SettingError
from swarmnas.networks.normalisation import BatchNorm, Scale
from swarmnas.networks.operations import Operation, ReluConvBatchNorm
from swarmnas.registry import Registry
from swarmnas.spaces import Cell, Space

__all__ = [
    "Convolution",
    "DartsStack",
    "Head",
    "LayerChain",
    "Layout",
    "Node",
    "Place",
    "Reduction",
    "ResidualStages",
    "Stride",
    "layouts",
]

layouts = Registry[type["Layout"]](kind="layout")
layouts.add(
    "residual-stages",
    "swarmnas.networks.layouts:ResidualStages",
    summary="Three stages of equal cells, as in NAS-Bench-201.",
)
layouts.add(
    "darts-stack",
    "swarmnas.networks.layouts:DartsStack",
    summary="A stack of normal and reducing cells, as in DARTS.",
)
layouts.add(
    "chain",
    "swarmnas.networks.layouts:LayerChain",
    summary="Layers one after another, halved twice, for a ChoiceSpace.",
)


class Node(NamedTuple):
    """A node of a cell at its place."""

    channels: int
    halvings: int
    """How often its images are halved since they entered the cell."""


@dataclass(frozen=True)
class Place:
    """Where a cell stands."""

    cell: str
    """Which of the space's cells."""
    channels: int
    """Of every node in the cell, unless ``nodes`` says otherwise."""
    channels_out: int
    """Of the cell's output."""
    halvings: int
    """How often the images were halved before this cell."""
    reduces: bool = False
    """Edges from the inputs have stride 2, unless ``nodes`` says otherwise."""
    input_channels: tuple[int, ...] = ()
    """Channels of the inputs where the cell adapts them by a convolution; empty where it does not.
    """
    input_shrinks: tuple[bool, ...] = ()
    """Which of those inputs are twice as large as the last one."""
    nodes: tuple[Node, ...] = ()
    """Every node, inputs first, where they differ."""


@dataclass(frozen=True)
class Stride:
    """Where the residual block stands that halves the images."""

    channels_in: int
    channels_out: int

    halvings: int
    """How often the images were halved before this block."""


class Layout(ABC):
    """A skeleton around cells."""

    cell_names: tuple[str, ...]
    """The cells that a space must have; empty for exactly one of any name."""
    num_inputs: int
    """Inputs of each cell: the outputs of so many blocks before it."""
    normalises_pools: bool
    """Whether the supernet's poolings are followed by batch normalisation."""
    large: type[Layout] | None = None
    """The layout in its place for large images; None where there is no other."""

    def check(self, space: Space) -> None:
        """Refuse a space whose cells do not fit.

        Raises:
            SettingError: Names or inputs of the cells differ from what the layout stacks.
        """
        cells = space.cells
        named = set(cells) == set(self.cell_names) if self.cell_names else len(cells) == 1
        if not named or any(cell.num_inputs != self.num_inputs for cell in cells.values()):
            wanted = " and ".join(self.cell_names) or "one cell"
            found = ", ".join(f"{name} with {cell.num_inputs}" for name, cell in cells.items())
            raise SettingError(
                explain(
                    f"layout {space.layout!r}",
                    f"{wanted} with {self.num_inputs} input(s)",
                    found,
                    f"Change the cells of the space {space.name!r} or its layout.",
                )
            )

    @abstractmethod
    def places(self, space: Space, channels: int, cells: int) -> tuple[Place | Stride, ...]:
        """Return the blocks between stem and head."""

    @abstractmethod
    def stem(self, in_channels: int, channels: int, track: bool) -> Operation:
        """Return the block that images enter."""

    def later_stems(self, channels: int, track: bool) -> tuple[Operation, ...]:
        """Return further blocks after the stem: each reads the last, the first cells read all."""
        return ()

    @abstractmethod
    def head(self, channels: int, num_classes: int, track: bool) -> Operation:
        """Return the block that ends in logits, for so many channels of the last cell."""


class Convolution(Operation):
    """A plain 3x3 convolution with batch normalisation: the stem."""

    def __init__(self, channels_in: int, channels_out: int, track: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm = BatchNorm(channels_out, affine=True, track=track)

    def body(self, images: Tensor, parts: int = 1, scale: Scale = None) -> Tensor:
        """Return the normalised convolution."""
        normalised: Tensor = self.norm(self.convolution(images), parts)
        return normalised


class Halving(Operation):
    """Two or more plain 3x3 convolutions of stride 2, a ReLU between them: the large stem.

    Args:
        widths: Channels of the images, then of each convolution.
        track: For batch normalisation.
    """

    def __init__(self, widths: Sequence[int], track: bool) -> None:
        super().__init__()
        first, *widths = widths
        steps: list[nn.Module] = []
        for width in widths:
            steps.append(nn.Conv2d(first, width, 3, stride=2, padding=1, bias=False))
            steps.append(BatchNorm(width, affine=True, track=track))
            steps.append(nn.ReLU())
            first = width
        self.steps = nn.Sequential(*steps[:-1])

    def body(self, images: Tensor, parts: int = 1, scale: Scale = None) -> Tensor:
        """Return the images at a half of their sides for each convolution."""
        halved: Tensor = self.steps(images)
        return halved


class Reduction(Operation):
    """The residual block that halves the images and changes the channels."""

    def __init__(self, channels_in: int, channels_out: int, track: bool) -> None:
        super().__init__()
        self.first = ReluConvBatchNorm(channels_in, channels_out, 3, 2, True, track)
        self.second = ReluConvBatchNorm(channels_out, channels_out, 3, 1, True, track)
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def body(self, images: Tensor, parts: int = 1, scale: Scale = None) -> Tensor:
        """Return the residual sum."""
        shortcut: Tensor = self.shortcut(functional.avg_pool2d(images, 2, ceil_mode=True))
        first = functional.relu_(self.first(images, parts))  # nobody else reads it
        residual: Tensor = self.second.body(first, parts)
        return shortcut + residual


class Head(Operation):
    """Global average pooling and the classifier, after batch normalisation and ReLU if asked."""

    def __init__(self, channels: int, num_classes: int, norm: BatchNorm | None) -> None:
        super().__init__()
        self.norm = norm
        self.classifier = nn.Linear(channels, num_classes)

    def body(self, images: Tensor, parts: int = 1, scale: Scale = None) -> Tensor:
        """Return logits, ``(parts * n, num_classes)``."""
        if self.norm is not None:
            images = functional.relu(self.norm(images, parts))
        logits: Tensor = self.classifier(images.mean((2, 3)))
        return logits


class ResidualStages(Layout):
    """Three stages of equal cells with a residual block between them; channels C, 2C, 4C."""

    cell_names = ()
    num_inputs = 1
    normalises_pools = False

    def places(self, space: Space, channels: int, cells: int) -> tuple[Place | Stride, ...]:
        """Return ``cells`` cells a stage."""
        ((name, cell),) = space.cells.items()
        if _copies(cell) != 1:
            raise SettingError(
                explain(
                    f"layout {space.layout!r}",
                    "cells whose output has the channels of their input",
                    f"{name} with output {cell.output!r} of {_copies(cell)} nodes",
                    "Use output='last'.",
                )
            )
        blocks: list[Place | Stride] = []
        for stage in range(3):
            width = channels * 2**stage
            if stage:
                blocks.append(Stride(width // 2, width, stage - 1))
            blocks += [Place(name, width, width, stage)] * cells
        return tuple(blocks)

    def stem(self, in_channels: int, channels: int, track: bool) -> Operation:
        """Return convolution and batch normalisation to C channels."""
        return Convolution(in_channels, channels, track)

    def head(self, channels: int, num_classes: int, track: bool) -> Operation:
        """Return batch normalisation, ReLU, pooling, classifier."""
        return Head(channels, num_classes, BatchNorm(channels, affine=True, track=track))


class DartsStack(Layout):
    """One stack of cells that read the two before them; two of them reduce."""

    cell_names = ("normal", "reduce")
    num_inputs = 2
    normalises_pools = True
    stem_multiplier = 3
    stem_halvings = 0

    def places(self, space: Space, channels: int, cells: int) -> tuple[Place | Stride, ...]:
        """Return ``cells`` cells in all, reducing at a third and two thirds of them."""
        reducing = {cells // 3, 2 * cells // 3}
        before = [self.stem_multiplier * channels] * 2
        blocks: list[Place | Stride] = []
        width, halvings = channels, self.stem_halvings
        shrank = halvings > 0  # of two stems the second is half as large as the first
        for number in range(cells):
            reduces = number in reducing
            width *= 2 if reduces else 1
            name = "reduce" if reduces else "normal"
            out = width * _copies(space.cells[name])
            blocks.append(
                Place(name, width, out, halvings, reduces, tuple(before), (shrank, False))
            )
            before = [before[1], out]
            halvings, shrank = halvings + reduces, reduces
        return tuple(blocks)

    def stem(self, in_channels: int, channels: int, track: bool) -> Operation:
        """Return convolution and batch normalisation to 3C channels."""
        return Convolution(in_channels, self.stem_multiplier * channels, track)

    def head(self, channels: int, num_classes: int, track: bool) -> Operation:
        """Return pooling and classifier."""
        return Head(channels, num_classes, None)


class LargeDartsStack(DartsStack):
    """The same stack on an eighth of the sides: two stems halve the images three times."""

    stem_multiplier = 1
    stem_halvings = 3

    def stem(self, in_channels: int, channels: int, track: bool) -> Operation:
        """Return two halving convolutions, to C / 2 and to C channels."""
        return Halving((in_channels, max(1, channels // 2), channels), track)

    def later_stems(self, channels: int, track: bool) -> tuple[Operation, ...]:
        """Return ReLU and the third halving convolution."""
        return (ReluConvBatchNorm(channels, channels, 3, 2, True, track),)


DartsStack.large = LargeDartsStack


class LayerChain(Layout):
    """Layers one after another; those at a third and two thirds halve and double the channels.

    A cell is a run of all layers of a ``ChoiceSpace``: ``cells`` runs follow one another, each
    with weights of its own and the same choices.
    """

    cell_names = ("layers",)
    num_inputs = 1
    normalises_pools = True

    def places(self, space: Space, channels: int, cells: int) -> tuple[Place | Stride, ...]:
        """Return ``cells`` runs of the layers."""
        layers = space.cells["layers"].num_nodes - 1
        total = cells * layers
        halving = {total // 3, 2 * total // 3} - {0}
        blocks: list[Place | Stride] = []
        width, before = channels, 0
        for run in range(cells):
            nodes = [Node(width, 0)]
            for layer in range(run * layers, (run + 1) * layers):
                last, halves = nodes[-1], layer in halving
                nodes.append(Node(last.channels * (2 if halves else 1), last.halvings + halves))
            width, halvings = nodes[-1]
            place = Place("layers", nodes[0].channels, width, before, halvings > 0)
            blocks.append(replace(place, nodes=tuple(nodes)))
            before += halvings
        return tuple(blocks)

    def stem(self, in_channels: int, channels: int, track: bool) -> Operation:
        """Return convolution and batch normalisation to C channels."""
        return Convolution(in_channels, channels, track)

    def head(self, channels: int, num_classes: int, track: bool) -> Operation:
        """Return batch normalisation, ReLU, pooling, classifier."""
        return Head(channels, num_classes, BatchNorm(channels, affine=True, track=track))


def _copies(cell: Cell) -> int:
    """Return how many nodes' channels the output of a cell has."""
    return cell.num_nodes - cell.num_inputs if cell.output == "concat" else 1
