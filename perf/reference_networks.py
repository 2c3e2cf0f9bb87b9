"""The DARTS training network written plainly, to measure against and to check against.

Written from the published description in the manner of the original: one module an operation,
contiguous images, each ReLU where its operation has it, drop path as a product.
"""

# ruff: noqa: D101, D102, D103

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

Edges = list[tuple[str, int]]


class FactorizedReduce(nn.Module):
    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.even = nn.Conv2d(channels_in, channels // 2, 1, 2, bias=False)
        self.odd = nn.Conv2d(channels_in, channels // 2, 1, 2, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, images: Tensor) -> Tensor:
        images = torch.relu(images)
        return self.norm(torch.cat([self.even(images), self.odd(images[:, :, 1:, 1:])], dim=1))


def adapt(channels_in: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(), nn.Conv2d(channels_in, channels, 1, bias=False), nn.BatchNorm2d(channels)
    )


def separable(channels: int, kernel: int, stride: int, dilation: int) -> list[nn.Module]:
    padding = dilation * (kernel - 1) // 2
    return [
        nn.ReLU(),
        nn.Conv2d(
            channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False
        ),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    ]


def operation(name: str, channels: int, stride: int) -> nn.Module:
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)
    if name == "max_pool_3x3":
        return nn.MaxPool2d(3, stride, 1)
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride, 1, count_include_pad=False)
    kernel = int(name[-1])
    if name[:3] == "dil":
        return nn.Sequential(*separable(channels, kernel, stride, 2))
    return nn.Sequential(
        *separable(channels, kernel, stride, 1), *separable(channels, kernel, 1, 1)
    )


class Cell(nn.Module):
    def __init__(
        self, edges: Edges, before: list[int], channels: int, reduces: bool, shrink: bool
    ) -> None:
        super().__init__()
        first = FactorizedReduce if shrink else adapt
        self.first = first(before[0], channels)
        self.second = adapt(before[1], channels)
        self.sources = [source for _, source in edges]
        self.operations = nn.ModuleList(
            operation(name, channels, 2 if reduces and source < 2 else 1) for name, source in edges
        )

    def forward(self, first: Tensor, second: Tensor, drop: float) -> Tensor:
        nodes = [self.first(first), self.second(second)]
        for node in range(4):
            parts = []
            for edge in (2 * node, 2 * node + 1):
                module = self.operations[edge]
                output = module(nodes[self.sources[edge]])
                if self.training and drop and not isinstance(module, nn.Identity):
                    keep = 1 - drop
                    mask = torch.rand(len(output), 1, 1, 1) < keep
                    output = output / keep * mask
                parts.append(output)
            nodes.append(parts[0] + parts[1])
        return torch.cat(nodes[2:], dim=1)


class Auxiliary(nn.Module):
    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.ReLU(),
            nn.AvgPool2d(5, stride=3, count_include_pad=False),
            nn.Conv2d(channels, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),
            nn.BatchNorm2d(768),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(768, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images).flatten(1))


class NetworkDarts(nn.Module):
    """Stem, cells, head and auxiliary head for images of 32x32."""

    def __init__(
        self, normal: Edges, reduce: Edges, num_classes: int, channels: int, cells: int
    ) -> None:
        super().__init__()
        self.drop_path = 0.0
        self.stem = nn.Sequential(
            nn.Conv2d(3, 3 * channels, 3, padding=1, bias=False), nn.BatchNorm2d(3 * channels)
        )
        before, shrink = [3 * channels] * 2, False
        self.cells = nn.ModuleList()
        for number in range(cells):
            reduces = number in (cells // 3, 2 * cells // 3)
            channels *= 2 if reduces else 1
            self.cells.append(
                Cell(reduce if reduces else normal, before, channels, reduces, shrink)
            )
            before, shrink = [before[1], 4 * channels], reduces
            if reduces:
                self.auxiliary_at, width = number, 4 * channels
        self.auxiliary = Auxiliary(width, num_classes)
        self.classifier = nn.Linear(before[1], num_classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        first = second = self.stem(images)
        for number, cell in enumerate(self.cells):
            first, second = second, cell(first, second, self.drop_path)
            if number == self.auxiliary_at:
                auxiliary = self.auxiliary(second)
        return self.classifier(second.mean((2, 3))), auxiliary


def copy_weights(ours: Any, theirs: NetworkDarts) -> None:
    """Give the reference our weights; both list their layers in one order, cell by cell."""
    pairs: list[tuple[nn.Module, nn.Module]] = [
        (ours.stack.stem, theirs.stem),
        (ours.stack.head, theirs.classifier),
        (ours.auxiliary, theirs.auxiliary),
    ]
    for block, cell in zip(ours.stack.blocks, theirs.cells, strict=True):
        pairs += [(block.inputs[0], cell.first), (block.inputs[1], cell.second)]
        kept = [edge for edge in block.edges if len(edge)]
        pairs += [(edge[0], module) for edge, module in zip(kept, cell.operations, strict=True)]
    with torch.no_grad():
        for one, other in pairs:
            state = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
            for source, target in state:
                target.copy_(source)
