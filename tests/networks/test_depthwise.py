import pytest
import torch
from torch.nn import functional

from swarmnas.networks import Supernet
from swarmnas.networks.depthwise import Depthwise
from swarmnas.spaces import create

SHAPES = [(3, 1, 1), (5, 1, 1), (7, 1, 1), (3, 1, 2), (5, 1, 2), (3, 2, 1), (5, 2, 1)]
SHAPES += [(3, 2, 2), (5, 2, 2), (3, 1, 3), (3, 2, 3)]
"""Kernel, stride and dilation."""


@pytest.mark.parametrize(("kernel", "stride", "dilation"), SHAPES)
@pytest.mark.parametrize("side", [7, 8])
def test_same_images_and_gradients_as_the_native_convolution(kernel, stride, dilation, side):
    draw = torch.Generator().manual_seed(0)
    module = Depthwise(4, kernel, stride, dilation).double()
    images = torch.randn(2, 4, side, side, generator=draw, dtype=torch.float64)
    images = images.contiguous(memory_format=torch.channels_last).requires_grad_()
    ours = module(images)
    theirs = functional.conv2d(
        images, module.weight, None, stride, module.padding, dilation, groups=4
    )
    torch.testing.assert_close(ours, theirs)
    along = torch.randn(ours.shape, generator=draw, dtype=torch.float64)
    for our, their in zip(
        torch.autograd.grad(ours, [images, module.weight], along),
        torch.autograd.grad(theirs, [images, module.weight], along),
        strict=True,
    ):
        torch.testing.assert_close(our, their)


@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(5, 1, 1), (3, 1, 2), (5, 2, 1)])
def test_second_derivatives_are_right(kernel, stride, dilation):
    module = Depthwise(1, kernel, stride, dilation).double()
    images = torch.randn(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)

    def convolve(images, weight):
        return torch.func.functional_call(module, {"weight": weight}, (images,))

    assert torch.autograd.gradgradcheck(convolve, (images, module.weight))


def test_images_stay_channels_last_through_the_whole_supernet():
    net = Supernet(create("darts"), num_classes=5, channels=4, cells=3, seed=0)
    formats = []

    def note(module, inputs):
        formats.append(inputs[0].is_contiguous(memory_format=torch.channels_last))

    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_pre_hook(note)
    net(torch.randn(4, 3, 16, 16))
    assert len(formats) > 200
    assert all(formats)
