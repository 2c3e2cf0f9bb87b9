"""Depthwise convolutions whose gradients do not fall back to slow kernels on the CPU.

oneDNN has no fast gradient for dilated depthwise kernels, nor one in the kernel for kernels wider
than three: 5x5 dilated by 2 takes thirty times as long as 3x3. The same sums exist in forms that
it does well: the gradient in the images of a dilated convolution is a convolution with the
mirrored kernel; a dilated convolution is a plain one on every second row and column; and a wide
kernel is narrow kernels side by side.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Depthwise"]

_WIDTH = 3
"""Columns of a kernel whose gradient is fast."""


class Depthwise(nn.Conv2d):
    """One odd-sided kernel a channel, zeros beyond the border, no bias.

    Args:
        channels: Channels of the images.
        kernel: Side of the kernel.
        stride: 1 or 2.
        dilation: Spacing of the kernel's points.
    """

    def __init__(self, channels: int, kernel: int, stride: int, dilation: int) -> None:
        padding = dilation * (kernel - 1) // 2
        super().__init__(
            channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False
        )

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolved images, ``(n, channels, height / stride, width / stride)``."""
        if input.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        stride, dilation = self.stride[0], self.dilation[0]
        if stride == dilation > 1:  # the kernel's points meet only pixels that are a stride apart
            input, stride, dilation = input[:, :, ::stride, ::stride], 1, 1
        elif stride > 1 and dilation > 1:
            return super().forward(input)
        fast = dilation == 1 and self.kernel_size[0] <= _WIDTH  # its own gradients are fast
        if fast or not torch.is_grad_enabled():
            return _convolve(input, self.weight, stride, dilation)
        convolved: Tensor = _Convolve.apply(input, self.weight, stride, dilation)
        return convolved


class _Convolve(torch.autograd.Function):
    """The convolution; its gradient is made of differentiable operations."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, kernels: Tensor, stride: int, dilation: int) -> Tensor:
        ctx.save_for_backward(images, kernels)
        ctx.stride, ctx.dilation = stride, dilation
        return _convolve(images, kernels, stride, dilation)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        images, kernels = ctx.saved_tensors
        (by_output,) = gradients
        by_images = by_kernels = None
        if ctx.needs_input_grad[0] and ctx.stride == 1:
            by_images = _convolve(by_output, kernels.flip(2, 3), 1, ctx.dilation)
        elif ctx.needs_input_grad[0]:
            padding = (kernels.shape[2] - 1) // 2
            by_images = _native_gradient(
                0, by_output, images, kernels, ctx.stride, (padding, padding)
            )
        if ctx.needs_input_grad[1]:
            by_kernels = _kernel_gradient(by_output, images, kernels, ctx.stride, ctx.dilation)
        return by_images, by_kernels, None, None


def _convolve(images: Tensor, kernels: Tensor, stride: int, dilation: int) -> Tensor:
    padding = dilation * (kernels.shape[2] - 1) // 2
    return functional.conv2d(images, kernels, None, stride, padding, dilation, len(kernels))


def _kernel_gradient(
    by_output: Tensor, images: Tensor, kernels: Tensor, stride: int, dilation: int
) -> Tensor:
    """Return the gradient in the kernels, ``(channels, 1, side, side)``."""
    if dilation > 1:
        images, by_output = _interleaved(images, dilation), _interleaved(by_output, dilation)
    side = kernels.shape[2]
    padding = (side - 1) // 2
    if side <= _WIDTH:
        return _native_gradient(1, by_output, images, kernels, stride, (padding, padding))
    span = stride * (by_output.shape[3] - 1)
    wide = functional.pad(images, (padding, padding))
    parts = []
    for first in range(0, side, _WIDTH):
        some = kernels[..., first : first + _WIDTH]
        seen = wide[..., first : first + span + some.shape[3]]
        parts.append(_native_gradient(1, by_output, seen, some, stride, (padding, 0)))
    return torch.cat(parts, dim=3)


def _native_gradient(
    of: int,
    by_output: Tensor,
    images: Tensor,
    kernels: Tensor,
    stride: int,
    padding: tuple[int, int],
) -> Tensor:
    """Return the gradient in the images (``of`` = 0) or in the kernels (1), undilated."""
    gradients = torch.ops.aten.convolution_backward(
        by_output,
        images,
        kernels,
        None,
        (stride, stride),
        padding,
        (1, 1),
        False,
        (0, 0),
        len(kernels),
        (of == 0, of == 1, False),
    )
    wanted: Tensor = gradients[of]
    return wanted


def _interleaved(images: Tensor, dilation: int) -> Tensor:
    """Stack the images of every ``dilation``-th row and column along the first dimension."""
    height, width = images.shape[2:]
    if height % dilation or width % dilation:
        images = functional.pad(images, (0, -width % dilation, 0, -height % dilation))
    pixels = images.permute(0, 2, 3, 1)
    count, rows, columns, channels = pixels.shape
    pixels = pixels.reshape(
        count, rows // dilation, dilation, columns // dilation, dilation, channels
    )
    return pixels.permute(2, 4, 0, 1, 3, 5).flatten(0, 2).permute(0, 3, 1, 2)
