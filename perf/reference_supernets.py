"""Straightforward supernets to measure against: one module an operation, a weighted sum.

Written from the published descriptions in the manner of the originals: contiguous images, every
operation of every edge runs on its own, batch statistics only.
"""

# ruff: noqa: D101, D102, D103

from __future__ import annotations

import torch
from torch import Tensor, nn

NASBENCH201 = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
DARTS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)


def norm(channels: int, affine: bool = False) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, affine=affine, track_running_stats=False)


class Zero(nn.Module):
    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, images: Tensor) -> Tensor:
        return images[:, :, :: self.stride, :: self.stride].mul(0.0)


class FactorizedReduce(nn.Module):
    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.even = nn.Conv2d(channels_in, channels_out // 2, 1, 2, bias=False)
        self.odd = nn.Conv2d(channels_in, channels_out // 2, 1, 2, bias=False)
        self.norm = norm(channels_out)

    def forward(self, images: Tensor) -> Tensor:
        images = torch.relu(images)
        return self.norm(torch.cat([self.even(images), self.odd(images[:, :, 1:, 1:])], dim=1))


def conv(channels_in: int, channels: int, kernel: int, stride: int, affine: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels_in, channels, kernel, stride, kernel // 2, bias=False),
        norm(channels, affine),
    )


def separable(channels: int, kernel: int, stride: int, dilation: int) -> list[nn.Module]:
    padding = dilation * (kernel - 1) // 2
    return [
        nn.ReLU(),
        nn.Conv2d(
            channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False
        ),
        nn.Conv2d(channels, channels, 1, bias=False),
        norm(channels),
    ]


def operation(name: str, channels: int, stride: int, pool_norm: bool) -> nn.Module:
    if name == "none":
        return Zero(stride)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)
    if name in ("max_pool_3x3", "avg_pool_3x3"):
        pool = (
            nn.MaxPool2d(3, stride, 1)
            if name == "max_pool_3x3"
            else nn.AvgPool2d(3, stride, 1, count_include_pad=False)
        )
        return nn.Sequential(pool, norm(channels)) if pool_norm else pool
    kind, kernel = name[:3], int(name[-1])
    if kind == "nor":
        return conv(channels, channels, kernel, stride, False)
    if kind == "dil":
        return nn.Sequential(*separable(channels, kernel, stride, 2))
    return nn.Sequential(
        *separable(channels, kernel, stride, 1), *separable(channels, kernel, 1, 1)
    )


class MixedEdge(nn.Module):
    def __init__(self, names: tuple[str, ...], channels: int, stride: int, pool_norm: bool) -> None:
        super().__init__()
        self.operations = nn.ModuleList(
            operation(name, channels, stride, pool_norm) for name in names
        )

    def forward(self, images: Tensor, weights: Tensor | int) -> Tensor:
        if isinstance(weights, int):
            return self.operations[weights](images)
        pairs = zip(weights, self.operations, strict=True)
        return sum(weight * module(images) for weight, module in pairs)


class Cell201(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.edges = nn.ModuleList(MixedEdge(NASBENCH201, channels, 1, False) for _ in range(6))

    def forward(self, images: Tensor, weights: Tensor) -> Tensor:
        nodes = [images]
        for node in range(1, 4):
            first = node * (node - 1) // 2
            nodes.append(
                sum(self.edges[first + i](nodes[i], weights[first + i]) for i in range(node))
            )
        return nodes[-1]


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv(channels, 2 * channels, 3, 2, True)
        self.second = conv(2 * channels, 2 * channels, 3, 1, True)
        self.pool = nn.AvgPool2d(2)
        self.shortcut = nn.Conv2d(channels, 2 * channels, 1, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.shortcut(self.pool(images)) + self.second(self.first(images))


class Supernet201(nn.Module):
    def __init__(self, num_classes: int, channels: int, cells: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 3, padding=1, bias=False), norm(channels, True)
        )
        blocks: list[nn.Module] = []
        for stage in range(3):
            if stage:
                blocks.append(Residual(channels * 2 ** (stage - 1)))
            blocks += [Cell201(channels * 2**stage) for _ in range(cells)]
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Sequential(norm(4 * channels, True), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.classifier = nn.Linear(4 * channels, num_classes)

    def forward(self, images: Tensor, weights: dict[str, Tensor]) -> Tensor:
        """Weights are ``(6, 5)`` mixing weights, or six columns as a list of integers."""
        images = self.stem(images)
        for block in self.blocks:
            mixed = isinstance(block, Cell201)
            images = block(images, weights["cell"]) if mixed else block(images)
        return self.classifier(self.last(images).flatten(1))


class CellDarts(nn.Module):
    def __init__(self, before: list[int], channels: int, reduces: bool, shrink: bool) -> None:
        super().__init__()
        self.first = (
            FactorizedReduce(before[0], channels)
            if shrink
            else conv(before[0], channels, 1, 1, False)
        )
        self.second = conv(before[1], channels, 1, 1, False)
        self.edges = nn.ModuleList(
            MixedEdge(DARTS, channels, 2 if reduces and source < 2 else 1, True)
            for node in range(4)
            for source in range(2 + node)
        )

    def forward(self, first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
        nodes = [self.first(first), self.second(second)]
        offset = 0
        for _ in range(4):
            summed = sum(
                self.edges[offset + i](images, weights[offset + i])
                for i, images in enumerate(nodes)
            )
            offset += len(nodes)
            nodes.append(summed)
        return torch.cat(nodes[2:], dim=1)


class SupernetDarts(nn.Module):
    def __init__(self, num_classes: int, channels: int, cells: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 3 * channels, 3, padding=1, bias=False), norm(3 * channels, True)
        )
        before, shrink = [3 * channels] * 2, False
        self.cells = nn.ModuleList()
        self.reduces = [number in (cells // 3, 2 * cells // 3) for number in range(cells)]
        for reduces in self.reduces:
            channels *= 2 if reduces else 1
            self.cells.append(CellDarts(before, channels, reduces, shrink))
            before, shrink = [before[1], 4 * channels], reduces
        self.classifier = nn.Linear(before[1], num_classes)

    def forward(self, images: Tensor, weights: dict[str, Tensor]) -> Tensor:
        first = second = self.stem(images)
        for cell, reduces in zip(self.cells, self.reduces, strict=True):
            mixing = weights["reduce" if reduces else "normal"]
            first, second = second, cell(first, second, mixing)
        return self.classifier(second.mean((2, 3)))
