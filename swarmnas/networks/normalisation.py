"""Batch normalisation that keeps the statistics of stacked batches apart.

Several particles' images travel through one convolution as one long batch; each particle's part of
it is normalised with its own mean and variance, as if it had come alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["BatchNorm", "normalise"]

_WIDTH = 64
"""Channels that one row of the folded view aims at: enough to fill vector registers."""
_SLAB = 1 << 19
"""Elements that are normalised at a time, so that the passes over them stay in the cache."""


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
        self.signature = None if affine or track else "norm"

    def forward(self, images: Tensor, parts: int = 1) -> Tensor:
        """Normalise ``images``, ``(parts * n, channels, height, width)``, part by part."""
        if self.track_running_stats:
            return super().forward(images)
        return normalise(images, parts, self.weight, self.bias, self.eps)


def normalise(
    images: Tensor, parts: int, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """Normalise each of ``parts`` stacked batches with its own statistics.

    Args:
        images: ``(parts * n, channels, height, width)``.
        parts: Number of stacked batches, >= 1.
        weight: ``(channels,)`` scale, or None.
        bias: ``(channels,)`` shift, or None.
        eps: Added to the variance.

    Returns:
        A tensor like ``images``; each part has mean ``bias`` and deviation ``weight``.

    Example:
        >>> stacked = torch.arange(8.0).reshape(4, 1, 1, 2)
        >>> normalise(stacked, 2, None, None, 1e-5).flatten().round(decimals=2).tolist()
        [-1.34, -0.45, 0.45, 1.34, -1.34, -0.45, 0.45, 1.34]
    """
    if _foldable(images):
        normalised: Tensor = _Normalise.apply(images, parts, eps)[0]
        if weight is None or bias is None:
            return normalised
        return torch.addcmul(bias.view(1, -1, 1, 1), normalised, weight.view(1, -1, 1, 1))
    if parts == 1:
        return functional.batch_norm(images, None, None, weight, bias, training=True, eps=eps)
    # Parts become channels, so that one native call normalises all of them.
    channels = images.shape[1]
    side_by_side = images.unflatten(0, (parts, -1)).transpose(0, 1).flatten(1, 2)
    repeated = [value if value is None else value.repeat(parts) for value in (weight, bias)]
    joint = functional.batch_norm(side_by_side, None, None, *repeated, training=True, eps=eps)
    return joint.unflatten(1, (parts, channels)).transpose(0, 1).flatten(0, 1)


def _foldable(images: Tensor) -> bool:
    return (
        images.device.type == "cpu"
        and images.dtype in (torch.float32, torch.float64)
        and images.shape[1] <= _WIDTH
        and images.is_contiguous(memory_format=torch.channels_last)
    )


def _fold(images: Tensor, parts: int) -> Tensor:
    """View channels-last images as ``(parts, rows, folds * channels)``: pixels side by side."""
    batch, channels, height, width = images.shape
    pixels = batch // parts * height * width
    folds = 1
    while 2 * folds * channels <= _WIDTH and pixels % (2 * folds) == 0:
        folds *= 2
    return images.permute(0, 2, 3, 1).reshape(parts, pixels // folds, folds * channels)


def _unfold(folded: Tensor, like: Tensor) -> Tensor:
    batch, channels, height, width = like.shape
    return folded.view(batch, height, width, channels).permute(0, 3, 1, 2)


def _mean(folded: Tensor, channels: int) -> Tensor:
    """Return the mean of each part and channel, ``(parts, 1, folds * channels)``."""
    wide = folded.mean(1, keepdim=True)
    folds = wide.shape[2] // channels
    return wide.unflatten(2, (folds, channels)).mean(2).repeat(1, 1, folds)


class _Normalise(torch.autograd.Function):
    """Batch statistics of channels-last images on the CPU, several pixels side by side.

    PyTorch's kernel walks channels-last images pixel by pixel, which wastes the vector registers
    when channels are few; folding pixels into wide rows makes it two to three times as fast.
    The inverse deviations are an output, so that second derivatives exist.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor, parts: int, eps: float) -> tuple[Tensor, Tensor]:
        folded = _fold(images, parts)
        channels = images.shape[1]
        normalised = torch.empty_like(folded)
        inverse = images.new_empty(parts, 1, folded.shape[2])
        step = max(1, _SLAB * parts // folded.numel())
        for start in range(0, parts, step):
            part = slice(start, start + step)
            torch.sub(folded[part], _mean(folded[part], channels), out=normalised[part])
            variance = _mean(normalised[part].square(), channels)
            inverse[part] = (variance + eps).rsqrt_()
            normalised[part] *= inverse[part]
        output = _unfold(normalised, images)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(output, inverse)
        return output, inverse

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, None, None]:
        output, inverse = ctx.saved_tensors
        by_output, by_inverse = gradients
        parts, channels = len(inverse), output.shape[1]
        normalised = _fold(output, parts)
        gradient = torch.zeros_like(normalised)
        if by_output is not None:
            incoming = _fold(by_output.contiguous(memory_format=torch.channels_last), parts)
            along = _mean(incoming * normalised, channels)
            gradient = incoming - _mean(incoming, channels)
            if torch.is_grad_enabled():  # a graph of this backward pass is wanted
                gradient = (gradient - normalised * along) * inverse
            else:
                gradient.addcmul_(normalised, along, value=-1).mul_(inverse)
        if by_inverse is not None:
            rows = normalised.shape[1] * normalised.shape[2] // channels
            each = by_inverse.unflatten(2, (-1, channels)).sum(2)
            each = each.repeat(1, 1, normalised.shape[2] // channels)
            gradient = gradient - each * inverse.square() * normalised / rows
        return _unfold(gradient, output), None, None
