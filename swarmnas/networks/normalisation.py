"""Batch normalisation that keeps the statistics of stacked batches apart.

Several particles' images travel through one convolution as one long batch; each particle's part of
it is normalised with its own mean and variance, as if it had come alone.
"""

from __future__ import annotations

from functools import lru_cache
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
        self.scales = not affine and not track
        self.signature = "norm" if self.scales else None

    def forward(self, images: Tensor, parts: int = 1, scale: Tensor | None = None) -> Tensor:
        """Normalise images part by part.

        Args:
            images: ``(parts * n, channels, height, width)``.
            parts: Number of stacked batches.
            scale: ``(1 or parts, groups)`` factors of so many equal groups of channels, at no
                extra cost; only where nothing is learned or tracked.
        """
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
    foldable = _foldable(images)
    if weight is not None and weight.ndim == 2 and not (foldable and weight.shape[1] == 1):
        weight = weight.repeat_interleave(channels // weight.shape[1], dim=1)
    if foldable:
        scale = weight.view(1, -1) if weight is not None and weight.ndim == 1 else weight
        if torch.is_grad_enabled():
            normalised: Tensor = _Normalise.apply(images, scale, parts, eps)[0]
        else:
            folded = _fold(images, parts)
            normalised = _unfold(_standardise(folded, scale, channels, eps), images.shape)
        return normalised if bias is None else normalised + bias.view(1, -1, 1, 1)
    if weight is not None and parts > 1:
        weight = weight.view(-1, channels).expand(parts, -1)
    weight = None if weight is None else weight.reshape(-1)
    if parts == 1:
        return functional.batch_norm(images, None, None, weight, bias, training=True, eps=eps)
    # Parts become channels, so that one native call normalises all of them.
    batch, _, height, width = images.shape
    apart = images.view(parts, batch // parts, channels, height, width).transpose(0, 1)
    joint = functional.batch_norm(
        apart.reshape(batch // parts, parts * channels, height, width),
        None,
        None,
        weight,
        None if bias is None else bias.repeat(parts),
        training=True,
        eps=eps,
    )
    apart = joint.view(batch // parts, parts, channels, height, width).transpose(0, 1)
    return apart.reshape(batch, channels, height, width)


def _foldable(images: Tensor) -> bool:
    return (
        images.device.type == "cpu"
        and images.dtype in (torch.float32, torch.float64)
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


def _unfold(folded: Tensor, shape: torch.Size) -> Tensor:
    batch, channels, height, width = shape
    return folded.view(batch, height, width, channels).permute(0, 3, 1, 2)


def _tile(values: Tensor, folded: Tensor) -> Tensor:
    """Lay ``(1 or parts, ..., channels or 1)`` out to broadcast against folded images."""
    values = values.reshape(len(values), 1, -1)
    if values.shape[2] == 1:  # one number for all channels
        return values
    return values.repeat(1, 1, folded.shape[2] // values.shape[2])


def _mean(folded: Tensor, channels: int) -> Tensor:
    """Return the mean of each part and channel, ``(parts, 1, folds * channels)``."""
    folds = folded.shape[2] // channels
    total = folded.sum(1, keepdim=True)
    if folds == 1:
        return total / folded.shape[1]
    return total @ _gather(folds, channels, folded.shape[1] * folds, folded.dtype)


@lru_cache(maxsize=256)
def _gather(folds: int, channels: int, rows: int, dtype: torch.dtype) -> Tensor:
    """Return the matrix that makes sums over folds means over rows, and lays them out again."""
    with torch.inference_mode(False):  # it outlives the caller's mode
        same = torch.eye(channels, dtype=dtype, device="cpu").repeat(folds, folds)
        return same / rows


def _centre(folded: Tensor, into: Tensor, channels: int, eps: float) -> Tensor:
    """Write centred images, and return the inverse of their deviation."""
    torch.sub(folded, _mean(folded, channels), out=into)
    return (_mean(into * into, channels) + eps).rsqrt_()


def _standardise(folded: Tensor, scale: Tensor | None, channels: int, eps: float) -> Tensor:
    """Return images of mean 0 and deviation ``scale``, slab after slab."""
    output = torch.empty_like(folded)
    step = max(1, _SLAB * len(folded) // folded.numel())
    factor = None if scale is None else _tile(scale, folded)
    for start in range(0, len(folded), step):
        part = slice(start, start + step)
        slab, into = (folded, output) if step >= len(folded) else (folded[part], output[part])
        scaling = _centre(slab, into, channels, eps)
        if factor is not None:
            scaling *= factor if len(factor) == 1 else factor[part]
        into *= scaling
    return output


class _Normalise(torch.autograd.Function):
    """Batch statistics of channels-last images on the CPU, several pixels side by side.

    PyTorch's kernel walks channels-last images pixel by pixel, which wastes the vector registers
    when channels are few; folding pixels into wide rows makes it two to three times as fast.
    Centred images and inverse deviations are outputs, so that second derivatives exist.
    """

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, scale: Tensor | None, parts: int, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        folded = _fold(images, parts)
        channels = images.shape[1]
        centred = torch.empty_like(folded)
        inverse = _centre(folded, centred, channels, eps)
        output = centred * (inverse if scale is None else inverse * _tile(scale, folded))
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(centred, inverse, scale)
        ctx.shape = images.shape
        return _unfold(output, images.shape), centred, inverse

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        centred, inverse, scale = ctx.saved_tensors
        by_output, by_centred, by_inverse = gradients
        channels = ctx.shape[1]
        rows = centred.shape[1] * centred.shape[2] // channels
        factor = inverse if scale is None else inverse * _tile(scale, centred)
        by_images, by_scale = by_centred, None
        coefficient = torch.zeros_like(inverse)
        if by_output is not None:
            incoming = _fold(by_output.contiguous(memory_format=torch.channels_last), len(inverse))
            along = _mean(incoming * centred, channels)
            coefficient = factor * inverse.square() * along
            direct = incoming * factor
            by_images = direct if by_images is None else by_images + direct
            if scale is not None and ctx.needs_input_grad[1]:
                by_scale = (along * inverse * rows)[:, 0, :channels].sum_to_size(scale.shape)
        if by_inverse is not None:
            each = by_inverse.view(len(inverse), 1, -1, channels).sum(2)
            coefficient = coefficient + _tile(each, centred) * inverse**3 / rows
        if by_images is None:
            total = -centred * coefficient
        elif torch.is_grad_enabled() or by_centred is not None:
            total = by_images - _mean(by_images, channels) - centred * coefficient
        else:
            total = by_images.sub_(_mean(by_images, channels))
            total.addcmul_(centred, coefficient, value=-1)
        return _unfold(total, ctx.shape), by_scale, None, None
