"""The operations that an edge may take, by name.

A builder makes a module from ``(channels_in, channels_out, stride, affine, track)``. Ours are
:class:`Operation` modules: they take several batches stacked along the first dimension and keep
the batch statistics of each apart. A plug-in may return any ``nn.Module`` (entry-point group
``swarmnas.operations``); it is then called once for each batch.

References:
    Liu, Simonyan and Yang, "DARTS: Differentiable Architecture Search", ICLR 2019.
    Dong and Yang, "NAS-Bench-201", ICLR 2020. Zela et al., "Understanding and Robustifying
    Differentiable Architecture Search", ICLR 2020 (``noise``).
    Differs from the papers: convolutions never have a bias, which batch normalisation would
    remove; nothing is computed for ``none``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from swarmnas.networks.depthwise import Depthwise
from swarmnas.networks.normalisation import BatchNorm, Scale, normalise
from swarmnas.registry import Registry

__all__ = [
    "Builder",
    "Chain",
    "FactorizedReduce",
    "Noise",
    "Operation",
    "Pool",
    "ReluConvBatchNorm",
    "Skip",
    "Zero",
    "apply",
    "blank",
    "build",
    "memory_format",
    "operations",
]

Builder = Callable[[int, int, int, bool, bool], nn.Module]
"""``(channels_in, channels_out, stride, affine, track) -> module``."""

operations = Registry[Builder](kind="operation")


class Operation(nn.Module):
    """A module on ``parts`` batches stacked along the first dimension."""

    rectifies = False
    """Whether the first thing it does is a ReLU, which operations on the same images share."""
    signature: Hashable = None
    """Operations of equal signature compute the same, so one serves all; None: it stands alone."""
    twin: Hashable = None
    """Operations of equal twin run as one through ``together``; None: it runs alone."""
    keeps_zeros = True
    """Whether it makes zeros of zeros, without a shift that normalisation learned."""
    scales = False
    """Whether ``body`` and ``together`` take ``scale``, factors of the output that cost nothing."""

    def forward(self, images: Tensor, parts: int = 1, scale: Scale = None) -> Tensor:
        """Return the operation of ``images``; arguments are those of ``body``."""
        return self.body(functional.relu(images) if self.rectifies else images, parts, scale)

    def body(self, images: Tensor, parts: int = 1, scale: Scale = None) -> Tensor:
        """Return the operation of ``images`` that went through ReLU if it ``rectifies``.

        Args:
            images: ``(parts * n, channels_in, height, width)``.
            parts: Number of stacked batches.
            scale: If it ``scales``, ``(1 or parts, 1)`` factors of the output, or its last
                normalisation, to be deferred.
        """
        raise NotImplementedError

    def together(
        self,
        twins: Sequence[Operation],
        images: Tensor,
        parts: int = 1,
        scale: Tensor | None = None,
    ) -> list[Tensor]:
        """Return the ``body`` of each of ``twins``, this one among them.

        Args:
            twins: Operations of this one's ``twin``.
            images: As for ``body``.
            parts: As for ``body``.
            scale: ``(1 or parts, len(twins))`` factors.
        """
        raise NotImplementedError


def apply(module: nn.Module, images: Tensor, parts: int = 1) -> Tensor:
    """Apply any module to ``parts`` stacked batches, each as if it had come alone."""
    if isinstance(module, Operation) or parts == 1:
        outputs: Tensor = module(images, parts) if isinstance(module, Operation) else module(images)
        return outputs
    return torch.cat([module(batch) for batch in images.chunk(parts)])


def build(
    name: str, channels_in: int, channels_out: int, stride: int, affine: bool, track: bool
) -> nn.Module:
    """Return the module of an operation; one of a plug-in is held to the shape that it must give.

    Raises:
        PluginError: A plug-in built no module; or later, when it runs: its output has another
            shape than ``(n, channels_out, height / stride, width / stride)``.
    """
    module = operations.load(name)(channels_in, channels_out, stride, affine, track)
    if not isinstance(module, nn.Module):
        raise operations.broken(name, "torch.nn.Module", type(module).__name__)

    def refuse_others(module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
        images = inputs[0]
        sides = [-(-size // stride) for size in images.shape[2:]]
        expected = (images.shape[0], channels_out, *sides)
        got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        if got != expected:
            shapes = f"images of shape {expected} for such of {tuple(images.shape)}"
            raise operations.broken(name, shapes, str(got))

    if not isinstance(module, Operation):
        module.register_forward_hook(refuse_others)
    return module


def memory_format(images: Tensor) -> torch.memory_format:
    """Return how images lie in memory; operations keep it."""
    if images.is_contiguous(memory_format=torch.channels_last):
        return torch.channels_last
    return torch.contiguous_format


def blank(images: Tensor, channels: int, stride: int) -> Tensor:
    """Return unset images like ``images`` with other channels and sides divided by ``stride``."""
    height, width = (-(-size // stride) for size in images.shape[2:])
    return torch.empty(
        (images.shape[0], channels, height, width),
        dtype=images.dtype,
        device=images.device,
        memory_format=memory_format(images),
    )


class Zero(Operation):
    """``none``: nothing passes."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride

    def body(self, images: Tensor, parts: int = 1, scale: Scale = None) -> Tensor:
        """Return zeros of the output's shape."""
        return blank(images, self.channels, self.stride).zero_()


class Skip(Operation):
    """``skip_connect`` at stride 1: everything passes."""

    signature = "skip"

    def body(self, images: Tensor, parts: int = 1, scale: Scale = None) -> Tensor:
        """Return the images themselves, no copy."""
        return images


class Noise(Operation):
    """``noise``: standard normal noise in place of the images, from torch's generator."""

    keeps_zeros = False

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride

    def body(self, images: Tensor, parts: int = 1, scale: Scale = None) -> Tensor:
        """Return fresh noise of the output's shape."""
        return blank(images, self.channels, self.stride).normal_()


class _SumNeighbours(torch.autograd.Function):
    """The sum of each pixel's 3x3 neighbourhood; it is its own adjoint."""

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        channels = images.shape[1]
        return functional.conv2d(
            images, images.new_ones(channels, 1, 3, 3), padding=1, groups=channels
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        summed: Tensor = _SumNeighbours.apply(gradients[0])
        return summed


def average_neighbours(images: Tensor) -> Tensor:
    """Return 3x3 average pooling at stride 1 without the padding, by a depthwise convolution.

    On the CPU and in float32 two to five times as fast as the native kernel.

    Example:
        >>> average_neighbours(torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]])).unique().tolist()
        [4.0]
    """
    counts = []
    for size in images.shape[2:]:
        count = images.new_full((size,), 3.0)
        count[0] = count[-1] = 2.0
        counts.append(1 / count)
    summed: Tensor = _SumNeighbours.apply(images)
    return summed.mul_(counts[0][:, None] * counts[1])


def _fast(images: Tensor) -> bool:
    """Return whether :func:`average_neighbours` is the faster one, and exact."""
    return (
        images.device.type == "cpu"
        and images.dtype == torch.float32
        and min(images.shape[2:]) > 1
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_exporting()
    )


class Pool(Operation):
    """A 3x3 pooling; border pixels average over the pixels that exist.

    Args:
        kind: ``"max"`` or ``"avg"``.
        channels_in: Channels of the images.
        channels_out: Channels of the output; where they differ, a 1x1 convolution comes first.
        stride: 1 or 2.
        affine: For that convolution's batch normalisation.
        track: For that convolution's batch normalisation.
    """

    def __init__(
        self, kind: str, channels_in: int, channels_out: int, stride: int, affine: bool, track: bool
    ) -> None:
        super().__init__()
        self.kind, self.stride = kind, stride
        self.before: ReluConvBatchNorm | None = None
        if channels_in != channels_out:
            self.before = ReluConvBatchNorm(channels_in, channels_out, 1, 1, affine, track)
        else:
            self.signature = (kind, stride)

    def body(self, images: Tensor, parts: int = 1, scale: Scale = None) -> Tensor:
        """Return the pooled images."""
        if self.before is not None:
            images = self.before(images, parts)
        if self.kind == "max":
            return functional.max_pool2d(images, 3, self.stride, padding=1)
        if self.stride == 1 and _fast(images):
            return average_neighbours(images)
        return functional.avg_pool2d(images, 3, self.stride, padding=1, count_include_pad=False)


class ReluConvBatchNorm(Operation):
    """ReLU, convolution, batch normalisation.

    Args:
        channels_in: Channels of the images.
        channels_out: Channels of the output.
        kernel: Side of the kernel, odd.
        stride: 1 or 2.
        affine: Whether the batch normalisation learns scale and shift.
        track: Whether it keeps running statistics.
        dilation: Spacing of the kernel's points.
        separable: A depthwise convolution, then a pointwise one, in place of the full one.
    """

    rectifies = True

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int,
        stride: int,
        affine: bool,
        track: bool,
        *,
        dilation: int = 1,
        separable: bool = False,
    ) -> None:
        super().__init__()
        # A 1x1 kernel that steps is one that does not, on the pixels it meets: the gradient of the
        # former writes past its memory on channels-last images in torch 2.14.
        self.step = stride if kernel == 1 else 1
        padding = dilation * (kernel - 1) // 2
        shape = (kernel, stride // self.step, padding, dilation)
        if separable:
            self.convolution: nn.Module = nn.Sequential(
                Depthwise(channels_in, kernel, stride, dilation),
                nn.Conv2d(channels_in, channels_out, 1, bias=False),
            )
        else:
            self.convolution = nn.Conv2d(channels_in, channels_out, *shape, bias=False)
        self.norm = BatchNorm(channels_out, affine=affine, track=track)
        self.scales = self.norm.scales
        if not separable and self.scales:
            self.twin = (channels_in, self.step, *shape)

    def body(self, images: Tensor, parts: int = 1, scale: Scale = None) -> Tensor:
        """Return the normalised convolution of rectified images."""
        normalised: Tensor = self.norm(self.convolution(self._met(images)), parts, scale)
        return normalised

    def _met(self, images: Tensor) -> Tensor:
        return images if self.step == 1 else images[:, :, :: self.step, :: self.step]

    def together(
        self,
        twins: Sequence[Operation],
        images: Tensor,
        parts: int = 1,
        scale: Tensor | None = None,
    ) -> list[Tensor]:
        """Run convolutions of one shape as one with all their output channels."""
        convolutions = [cast(nn.Conv2d, twin.convolution) for twin in twins]
        kernels = torch.cat([convolution.weight for convolution in convolutions])
        first = convolutions[0]
        joint = functional.conv2d(
            self._met(images), kernels, None, first.stride, first.padding, first.dilation
        )
        return list(normalise(joint, parts, scale, None, self.norm.eps).chunk(len(twins), dim=1))


class FactorizedReduce(Operation):
    """``skip_connect`` at stride 2: two 1x1 convolutions, one of them a pixel aside."""

    rectifies = True

    def __init__(self, channels_in: int, channels_out: int, affine: bool, track: bool) -> None:
        super().__init__()
        half = channels_out // 2
        self.even = nn.Conv2d(channels_in, half, 1, bias=False)
        self.odd = nn.Conv2d(channels_in, channels_out - half, 1, bias=False)
        self.norm = BatchNorm(channels_out, affine=affine, track=track)
        self.scales = self.norm.scales

    def body(self, images: Tensor, parts: int = 1, scale: Scale = None) -> Tensor:
        """Return the halved, normalised images; an odd side is padded with zeros."""
        height, width = images.shape[2:]
        # Pixels are picked before the convolutions: with stride 2 and two channels out, torch
        # 2.14's 1x1 convolution writes past its memory on channels-last images.
        even = images[:, :, ::2, ::2]
        odd = functional.pad(images, (0, width % 2, 0, height % 2))[:, :, 1::2, 1::2]
        halved = torch.cat([self.even(even), self.odd(odd)], dim=1)
        normalised: Tensor = self.norm(halved, parts, scale)
        return normalised


class Chain(Operation):
    """Operations one after another; batch normalisation may be one of them."""

    def __init__(self, *steps: Operation | BatchNorm) -> None:
        super().__init__()
        self.steps = nn.ModuleList(steps)
        self.rectifies = isinstance(steps[0], Operation) and steps[0].rectifies
        self.scales = steps[-1].scales
        signatures = [step.signature for step in steps]
        self.signature = None if None in signatures else tuple(signatures)

    def body(self, images: Tensor, parts: int = 1, scale: Scale = None) -> Tensor:
        """Return what the last step makes of it."""
        for number, step in enumerate(self.steps):
            factors = scale if number == len(self.steps) - 1 else None
            if number == 0 and isinstance(step, Operation):
                images = step.body(images, parts, factors)
            elif isinstance(step, Operation) and step.rectifies and not self.scales:
                images = step.body(functional.relu_(images), parts)  # nobody else reads them
            else:
                images = step(images, parts, factors)
        return images


def none(channels_in: int, channels_out: int, stride: int, affine: bool, track: bool) -> Zero:
    """Build ``none``."""
    return Zero(channels_out, stride)


def noise(channels_in: int, channels_out: int, stride: int, affine: bool, track: bool) -> Noise:
    """Build ``noise``."""
    return Noise(channels_out, stride)


def skip_connect(
    channels_in: int, channels_out: int, stride: int, affine: bool, track: bool
) -> Operation:
    """Build ``skip_connect``: the identity, or the least that changes the shape."""
    if stride == 2:
        return FactorizedReduce(channels_in, channels_out, affine, track)
    if channels_in != channels_out:
        return ReluConvBatchNorm(channels_in, channels_out, 1, 1, affine, track)
    return Skip()


def _pool(kind: str) -> Builder:
    def build(channels_in: int, channels_out: int, stride: int, affine: bool, track: bool) -> Pool:
        return Pool(kind, channels_in, channels_out, stride, affine, track)

    return build


def _convolution(
    kernel: int, *, dilation: int = 1, separable: bool = False
) -> Callable[[int, int, int, bool, bool], ReluConvBatchNorm]:
    def build(
        channels_in: int, channels_out: int, stride: int, affine: bool, track: bool
    ) -> ReluConvBatchNorm:
        return ReluConvBatchNorm(
            channels_in,
            channels_out,
            kernel,
            stride,
            affine,
            track,
            dilation=dilation,
            separable=separable,
        )

    return build


def _twice(kernel: int) -> Builder:
    step = _convolution(kernel, separable=True)

    def build(channels_in: int, channels_out: int, stride: int, affine: bool, track: bool) -> Chain:
        return Chain(
            step(channels_in, channels_in, stride, affine, track),
            step(channels_in, channels_out, 1, affine, track),
        )

    return build


max_pool_3x3 = _pool("max")
avg_pool_3x3 = _pool("avg")
nor_conv_1x1 = _convolution(1)
nor_conv_3x3 = _convolution(3)
dil_conv_3x3 = _convolution(3, dilation=2, separable=True)
dil_conv_5x5 = _convolution(5, dilation=2, separable=True)
sep_conv_3x3 = _twice(3)
sep_conv_5x5 = _twice(5)

for _name, _summary in {
    "none": "Nothing passes.",
    "skip_connect": "The identity; a factorised reduction at stride 2.",
    "max_pool_3x3": "Largest of 3x3 pixels.",
    "avg_pool_3x3": "Mean of 3x3 pixels.",
    "nor_conv_1x1": "ReLU, 1x1 convolution, batch normalisation.",
    "nor_conv_3x3": "ReLU, 3x3 convolution, batch normalisation.",
    "sep_conv_3x3": "Separable 3x3 convolution, twice.",
    "sep_conv_5x5": "Separable 5x5 convolution, twice.",
    "dil_conv_3x3": "Separable 3x3 convolution, dilated by 2.",
    "dil_conv_5x5": "Separable 5x5 convolution, dilated by 2.",
    "noise": "Normal noise in place of the images.",
}.items():
    operations.add(_name, f"swarmnas.networks.operations:{_name}", summary=_summary)
