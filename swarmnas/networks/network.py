"""The network of a genotype, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from swarmnas.checks import as_int
from swarmnas.networks.auxiliary import AuxiliaryHead
from swarmnas.networks.blocks import CellBlock, Columns, Shape, Stack, check_batch
from swarmnas.networks.layouts import Reduction
from swarmnas.networks.memory import building
from swarmnas.networks.operations import build
from swarmnas.networks.seeding import seeded
from swarmnas.rng import Seed
from swarmnas.spaces import Genotype, Space

__all__ = ["Cost", "Network", "cost_of", "costs_of"]


class Network(nn.Module):
    """The discrete network of a genotype, to train from scratch.

    Args:
        space: The space of the genotype; its layout names the skeleton.
        genotype: What to build.
        num_classes: Logits.
        in_channels: Channels of the images.
        channels: Channels of the first cells.
        cells: Cells a stage ("residual-stages") or in all ("darts-stack").
        affine: Let batch normalisation inside the cells learn a scale and a shift.
        large_images: Halve the images three times before the first cell, where the layout has
            such a form, as for ImageNet.
        auxiliary: Add a second classifier after the last halving, for training alone.
        seed: Draws the weights; None draws from torch's global generator.

    Raises:
        SettingError: The genotype is of another space, or a number is too small.
        UnknownNameError: No module provides an operation, or no class the layout.

    Example:
        >>> from swarmnas.spaces import create
        >>> space = create("nasbench201")
        >>> cell = space.parse(
        ...     "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"
        ... )
        >>> network = Network(space, cell, num_classes=10, channels=4, cells=1, seed=0)
        >>> network(torch.zeros(2, 3, 8, 8)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        space: Space,
        genotype: Genotype,
        *,
        num_classes: int,
        in_channels: int = 3,
        channels: int = 16,
        cells: int = 5,
        affine: bool = True,
        large_images: bool = False,
        auxiliary: bool = False,
        seed: Seed | None = None,
    ) -> None:
        super().__init__()
        self.space, self.genotype = space, genotype
        columns = _columns(space, genotype)
        with seeded(seed), building():
            self.stack = Stack(
                space,
                columns,
                num_classes=num_classes,
                in_channels=in_channels,
                channels=channels,
                cells=cells,
                affine=affine,
                track=True,
                normalise_pools=False,
                large=large_images,
            )
            self._halved_at, width = _last_halving(self.stack)
            self.auxiliary = (
                AuxiliaryHead(width, num_classes, norm_last=not large_images) if auxiliary else None
            )

    @property
    def drop_path(self) -> float:
        """Probability with which training leaves a path out; see :meth:`forward`."""
        return self.stack.drop_path

    @drop_path.setter
    def drop_path(self, probability: float) -> None:
        self.stack.drop_path = probability

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return logits, ``(n, num_classes)``; in training mode those of both heads, if two.

        In training mode each path of a cell, but for the identity, is left out of an image's sum
        with the probability ``drop_path``, and scaled up to make good for it.

        Args:
            images: ``(n, in_channels, height, width)``; n >= 2 in training mode.

        Raises:
            ShapeError: The images have another shape, or there is one alone in training mode.
            DataError: The images are no floating-point numbers.

        References:
            Larsson, Maire and Shakhnarovich, "FractalNet", ICLR 2017; as used by DARTS.
        """
        if self.training:
            check_batch(images)
        # Where every cell adapts its inputs, each output is rectified once for all that read it.
        rectified = all(
            isinstance(block, CellBlock) and block.inputs for block in self.stack.blocks
        )
        history = self.stack.begin(images)
        if rectified:
            for output in {id(output): output for output in history}.values():
                functional.relu_(output)
        auxiliary: Tensor | None = None
        for number, block in enumerate(self.stack.blocks):
            if isinstance(block, CellBlock):
                output = block(history, rectified=rectified)
            else:
                output = block(history[-1])
            if rectified and number < len(self.stack.blocks) - 1:  # the head wants it as it is
                output = functional.relu_(output)
            if self.training and self.auxiliary is not None and number == self._halved_at:
                auxiliary = self.auxiliary(output)
            history = [*history[1:], output]
        logits: Tensor = self.stack.head(history[-1])
        return logits if auxiliary is None else (logits, auxiliary)


class Cost(NamedTuple):
    """What a network takes."""

    parameters: int
    """Numbers that training sets."""
    flops: int
    """Multiply-adds of convolutions and classifier for one image, as the benchmarks count."""


def cost_of(
    space: Space,
    genotype: Genotype,
    *,
    num_classes: int,
    in_channels: int = 3,
    channels: int = 16,
    cells: int = 5,
    image_size: int = 32,
    affine: bool = True,
    large_images: bool = False,
) -> Cost:
    """Return parameters and multiply-adds of a :class:`Network` without building it.

    The skeleton is counted once and each operation once for every place; a further genotype costs
    a sum. Arguments are those of :class:`Network`, and the side of the square images.

    Raises:
        SettingError: The genotype is of another space, or a number is too small.

    Example:
        >>> from swarmnas.spaces import create, named_genotype
        >>> cost_of(
        ...     create("darts"), named_genotype("DARTS_V2"), num_classes=10, channels=36, cells=20
        ... ).parameters
        3349342
    """
    (total,) = costs_of(
        space,
        {name: indices[None] for name, indices in space.indices_of(genotype).items()},
        num_classes=num_classes,
        in_channels=in_channels,
        channels=channels,
        cells=cells,
        image_size=image_size,
        affine=affine,
        large_images=large_images,
    )
    return Cost(*map(int, total))


def costs_of(
    space: Space,
    columns: Mapping[str, NDArray[np.int64]],
    *,
    num_classes: int,
    in_channels: int = 3,
    channels: int = 16,
    cells: int = 5,
    image_size: int = 32,
    affine: bool = True,
    large_images: bool = False,
) -> NDArray[np.int64]:
    """Return :func:`cost_of` for many genotypes at once, ``(n, 2)``.

    ``columns`` holds for each cell ``(n, E)`` columns, -1 where an edge is not kept, as
    ``space.decode_indices`` gives them; other arguments are those of :func:`cost_of`.

    Example:
        >>> from swarmnas.spaces import create
        >>> columns = {"cell": np.array([[0] * 6, [3] * 6])}
        >>> costs_of(create("nasbench201"), columns, num_classes=10)[:, 0].tolist()
        [73306, 1531546]
    """
    fixed, tables = _costs(
        space,
        num_classes,
        in_channels,
        channels,
        cells,
        as_int("image_size", image_size, low=1),
        affine,
        large_images,
    )
    total = fixed[None]
    for name, rows in columns.items():
        table = tables[name]
        kept = np.where(rows[..., None] >= 0, table[np.arange(len(table)), rows], 0)
        total = total + kept.sum(axis=1)
    return total


def _columns(space: Space, genotype: Genotype) -> Columns:
    """Return for each edge the column that the genotype takes, none where it drops the edge."""
    return {
        name: [[int(column)] if column >= 0 else [] for column in indices]
        for name, indices in space.indices_of(genotype).items()
    }


def _last_halving(stack: Stack) -> tuple[int, int]:
    """Return the number of the last block that halves the images, and its output's channels."""
    number, width = -1, 0
    for at, block in enumerate(stack.blocks):
        if isinstance(block, Reduction):
            number, width = at, block.shortcut.out_channels
        elif isinstance(block, CellBlock) and block.place.reduces:
            number, width = at, block.place.channels_out
    return number, width


Numbers = NDArray[np.int64]


@lru_cache(maxsize=32)
def _costs(
    space: Space,
    num_classes: int,
    in_channels: int,
    channels: int,
    cells: int,
    image_size: int,
    affine: bool,
    large_images: bool,
) -> tuple[Numbers, dict[str, Numbers]]:
    """Return the cost of the bare skeleton, and of each operation on each edge over all places.

    Returns:
        ``(2,)`` parameters and multiply-adds, and by cell ``(E, O, 2)``.
    """
    bare: Columns = {name: [()] * edges for name, (edges, _) in space.alpha_shapes.items()}
    with torch.device("meta"):
        skeleton = Stack(
            space,
            bare,
            num_classes=num_classes,
            in_channels=in_channels,
            channels=channels,
            cells=cells,
            affine=affine,
            track=True,
            normalise_pools=False,
            large=large_images,
        )
        images = torch.empty(1, in_channels, image_size, image_size)
        fixed = _measure(skeleton, images, bare)
    tables = {name: np.zeros((*shape, 2), np.int64) for name, shape in space.alpha_shapes.items()}

    @cache
    def cost(name: str, shape: Shape) -> Numbers:
        size = -(-image_size // 2**shape.halvings)
        with torch.device("meta"):
            module = build(name, *shape[:3], affine, True)
            return _measure(module, torch.empty(1, shape.channels_in, size, size))

    for block in skeleton.blocks:
        if isinstance(block, CellBlock):
            for edge, row in enumerate(tables[block.place.cell]):
                for column, name in enumerate(block.cell.operations_of(edge)):
                    row[column] += cost(name, block.shape(edge))
    return fixed, tables


def _measure(module: nn.Module, *inputs: Any) -> Numbers:
    """Return parameters and multiply-adds of a module on the meta device."""
    flops = 0

    def count(layer: nn.Module, _: Any, output: Tensor) -> None:
        nonlocal flops
        if isinstance(layer, nn.Conv2d):
            kernel = layer.weight[0].numel()
            flops += output.numel() * (kernel + (layer.bias is not None))
        elif isinstance(layer, nn.Linear):
            flops += layer.weight.numel() + (0 if layer.bias is None else layer.bias.numel())

    for layer in module.modules():
        layer.register_forward_hook(count)
    module.eval()(*inputs)
    return np.array([sum(weights.numel() for weights in module.parameters()), flops])
