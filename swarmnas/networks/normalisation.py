"""Batch normalisation that keeps the statistics of stacked batches apart.

Several particles' images travel through one convolution as one long batch; each particle's part of
it is normalised with its own mean and variance, as if it had come alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["BatchNorm", "Deferred", "Scale", "normalise"]


class Deferred:
    """A normalisation left to the weighted sum that its images go into, a pass over them less.

    Args:
        weight: Of the images in the sum.

    Attributes:
        factor: ``(channels,)`` to multiply the images by, once they were measured.
        shift: ``(channels,)`` to add then.
    """

    def __init__(self, weight: float) -> None:
        self.weight = weight

    @staticmethod
    def pays(images: Tensor, parts: int) -> bool:
        """Return whether images may be normalised so, and faster."""
        return (
            parts == 1
            and images.device.type == "cpu"
            and not torch.is_grad_enabled()
            and not torch.is_autocast_enabled("cpu")
        )

    def measure(self, images: Tensor, eps: float) -> None:
        """Take the statistics of images ``(n, channels, height, width)``."""
        mean, variance = torch.batch_norm_update_stats(images, None, None, 0.0)
        self.factor = variance.add_(eps).rsqrt_().mul_(self.weight)
        self.shift = mean.mul_(self.factor).neg_()


Scale = Tensor | Deferred | None
"""Factors of an operation's output, or its last normalisation, to be deferred."""


class BatchNorm(nn.BatchNorm2d):
    """``BatchNorm2d`` for ``parts`` batches stacked along the first dimension.

    Args:
        channels: Channels of the images.
        affine: Learn a scale and a shift for each channel.
        track: Keep running statistics and use them in evaluation mode; without them, batch
            statistics are used in every mode.
    """

    def __init__(self, channels: int, *, affine: bool, track: bool) -> None:
        super().__init__(channels, affine=affine, track_running_stats=track)
        self.scales = not affine and not track
        self.signature = "norm" if self.scales else None

    def forward(self, images: Tensor, parts: int = 1, scale: Scale = None) -> Tensor:
        """Normalise images part by part.

        Args:
            images: ``(parts * n, channels, height, width)``.
            parts: Number of stacked batches.
            scale: ``(1 or parts, groups)`` factors of so many equal groups of channels, at no
                extra cost; only where nothing is learned or tracked. Or a normalisation to
                defer: the images stay as they are.
        """
        if isinstance(scale, Deferred):
            scale.measure(images, self.eps)
            return images
        if self.track_running_stats:
            return super().forward(images)
        return normalise(
            images, parts, self.weight if scale is None else scale, self.bias, self.eps
        )


def normalise(
    images: Tensor, parts: int, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """Normalise each of ``parts`` stacked batches with its own statistics.

    Args:
        images: ``(parts * n, channels, height, width)``.
        parts: Number of stacked batches, >= 1.
        weight: ``(channels,)`` scale, or ``(1 or parts, groups)`` for so many equal groups of
            channels, or None.
        bias: ``(channels,)`` shift, or None.
        eps: Added to the variance.

    Returns:
        A tensor like ``images``; each part has mean ``bias`` and deviation ``weight``.

    Example:
        >>> stacked = torch.arange(8.0).reshape(4, 1, 1, 2)
        >>> (10 * normalise(stacked, 2, None, None, 1e-5)).flatten().round().tolist()
        [-13.0, -4.0, 4.0, 13.0, -13.0, -4.0, 4.0, 13.0]
    """
    channels = images.shape[1]
    if weight is not None and weight.ndim == 2:
        weight = weight[:, :, None].repeat(1, 1, channels // weight.shape[1]).flatten(1)
    if parts == 1:
        weight = None if weight is None else weight.reshape(-1)
        return functional.batch_norm(images, None, None, weight, bias, training=True, eps=eps)
    if weight is not None:
        weight = weight.view(-1, channels).expand(parts, -1)
    if images.device.type == "cpu" and not torch.is_grad_enabled():
        return _one_by_one(images, parts, weight, bias, eps)
    # Parts become channels, so that one native call normalises all of them.
    batch, _, height, width = images.shape
    apart = images.view(parts, batch // parts, channels, height, width).transpose(0, 1)
    joint = functional.batch_norm(
        apart.reshape(batch // parts, parts * channels, height, width),
        None,
        None,
        None if weight is None else weight.reshape(-1),
        None if bias is None else bias.repeat(parts),
        training=True,
        eps=eps,
    )
    apart = joint.view(batch // parts, parts, channels, height, width).transpose(0, 1)
    return apart.reshape(batch, channels, height, width)


def _one_by_one(
    images: Tensor, parts: int, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """Normalise part after part into one output, without a copy; ``weight`` has a row a part."""
    output = torch.empty_like(images)
    statistics = (images if weight is None else weight).new_empty(2, images.shape[1]).unbind()
    rows = [None] * parts if weight is None else weight.unbind()
    for part, row, into in zip(images.chunk(parts), rows, output.chunk(parts), strict=True):
        torch.native_batch_norm(
            part, row, bias, None, None, True, 0.0, eps, out=(into, *statistics)
        )
    return output
