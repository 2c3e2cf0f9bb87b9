"""Partial channels: operations work on a share of the channels, the others pass by.

References:
    Xu et al., "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search",
    ICLR 2020. Differs from its code: channels pass by and are interleaved once a node, which is
    the same sum; odd sides are accepted.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from swarmnas.checks import explain
from swarmnas.errors import SettingError
from swarmnas.networks.normalisation import Scale
from swarmnas.networks.operations import Operation, apply, memory_format

__all__ = ["Partial", "bypass", "interleave", "share", "split"]


def share(channels_in: int, channels_out: int, parts: int) -> int:
    """Return how many channels operations work on.

    Raises:
        SettingError: The channels change on the edge or cannot be divided.
    """
    if channels_in != channels_out or channels_in % parts:
        raise SettingError(
            explain(
                "partial_channels",
                "a divisor of the channels, which no edge changes",
                f"{parts} for an edge from {channels_in} to {channels_out} channels",
                "Change channels or partial_channels.",
            )
        )
    return channels_in // parts


def split(images: Tensor, parts: int) -> tuple[Tensor, Tensor]:
    """Return the first of ``parts`` shares of the channels, and the others."""
    first = images.shape[1] // parts
    layout = memory_format(images)
    return images[:, :first].contiguous(memory_format=layout), images[:, first:]


def bypass(images: Tensor, stride: int) -> Tensor:
    """Return channels that pass by: as they are, or the largest of ``stride`` squared pixels."""
    return images if stride == 1 else functional.max_pool2d(images, stride, ceil_mode=True)


def interleave(worked: Tensor, passed: Tensor, parts: int) -> Tensor:
    """Return all channels, so shuffled that the next edge works on others.

    Example:
        >>> channels = torch.arange(4.0).reshape(1, 4, 1, 1)
        >>> interleave(channels[:, :2], channels[:, 2:], 2).flatten().tolist()
        [0.0, 2.0, 1.0, 3.0]
    """
    images = torch.cat([worked, passed], dim=1)
    layout = memory_format(images)
    batch, channels, *sides = images.shape
    shuffled = images.view(batch, parts, channels // parts, *sides).transpose(1, 2).flatten(1, 2)
    return shuffled.contiguous(memory_format=layout)


class Partial(Operation):
    """One operation on a share of the channels, the others beside it.

    Args:
        operation: On that share.
        parts: Shares that there are.
        stride: Of the operation.
    """

    def __init__(self, operation: nn.Module, parts: int, stride: int) -> None:
        super().__init__()
        self.operation, self.parts, self.stride = operation, parts, stride
        self.keeps_zeros = getattr(operation, "keeps_zeros", False)

    def body(self, images: Tensor, parts: int = 1, scale: Scale = None) -> Tensor:
        """Return all channels of the output."""
        first, rest = split(images, self.parts)
        worked = apply(self.operation, first, parts)
        return interleave(worked, bypass(rest, self.stride), self.parts)
