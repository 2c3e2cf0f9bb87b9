import pytest
import torch
from torch.nn import functional

from swarmnas.errors import UnknownNameError
from swarmnas.networks import operations
from swarmnas.networks.operations import apply

NAMES = list(operations)
DETERMINISTIC = [name for name in NAMES if name != "noise"]


def images(size=4, channels=4, side=6):
    return torch.randn(size, channels, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [6, 7])
def test_shape_follows_channels_and_stride(name, stride, side):
    module = operations.load(name)(4, 4, stride, False, False)
    sides = -(-side // stride)
    assert module(images(side=side)).shape == (4, 4, sides, sides)


@pytest.mark.parametrize("name", NAMES)
def test_channels_may_change(name):
    module = operations.load(name)(4, 6, 1, False, False)
    assert module(images()).shape == (4, 6, 6, 6)


@pytest.mark.parametrize("name", DETERMINISTIC)
@pytest.mark.parametrize("stride", [1, 2])
def test_parts_are_computed_as_if_alone(name, stride):
    module = operations.load(name)(4, 4, stride, False, False)
    stacked = images()
    alone = torch.cat([module(part) for part in stacked.chunk(2)])
    torch.testing.assert_close(apply(module, stacked, 2), alone)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_layout_in_memory_is_kept_and_the_input_unchanged(name, memory):
    module = operations.load(name)(4, 4, 1, False, False)
    before = images().contiguous(memory_format=memory)
    assert module(before).is_contiguous(memory_format=memory)
    assert torch.equal(before, images())


# At C=16: kernel^2 * C for a depthwise convolution, C^2 for a pointwise one.
WEIGHTS = {
    "none": 0,
    "skip_connect": 0,
    "max_pool_3x3": 0,
    "avg_pool_3x3": 0,
    "noise": 0,
    "nor_conv_1x1": 256,
    "nor_conv_3x3": 2304,
    "dil_conv_3x3": 144 + 256,
    "dil_conv_5x5": 400 + 256,
    "sep_conv_3x3": 2 * (144 + 256),
    "sep_conv_5x5": 2 * (400 + 256),
}


@pytest.mark.parametrize("name", NAMES)
def test_number_of_weights(name):
    plain = operations.load(name)(16, 16, 1, False, False)
    assert sum(weights.numel() for weights in plain.parameters()) == WEIGHTS[name]


def test_average_pool_divides_by_the_pixels_that_exist():
    pooled = operations.load("avg_pool_3x3")(1, 1, 1, False, False)(torch.ones(1, 1, 4, 4))
    torch.testing.assert_close(pooled, torch.ones(1, 1, 4, 4))


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("sides", [(2, 2), (5, 6)])
def test_average_pool_and_its_derivatives_are_the_native_ones(sides, memory):
    pool = operations.load("avg_pool_3x3")(3, 3, 1, False, False)

    def native(images):
        return functional.avg_pool2d(images, 3, 1, padding=1, count_include_pad=False)

    found = []
    for pooled in (pool, native):
        draw = torch.Generator().manual_seed(0)
        images, by_output = torch.randn(2, 4, 3, *sides, generator=draw)
        images = images.contiguous(memory_format=memory).requires_grad_()
        output = pooled(images)
        (first,) = torch.autograd.grad(
            output.pow(2).mul(by_output).sum(), images, create_graph=True
        )
        found.append([output, first, *torch.autograd.grad(first.pow(2).sum(), images)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_max_pool_by_hand():
    module = operations.load("max_pool_3x3")(1, 1, 2, False, False)
    pooled = module(torch.arange(16.0).view(1, 1, 4, 4))
    assert pooled.flatten().tolist() == [5.0, 7.0, 13.0, 15.0]


def test_factorised_reduction_by_hand():
    module = operations.load("skip_connect")(1, 2, 2, False, False)
    with torch.no_grad():
        for weights in module.parameters():
            weights.fill_(1.0)
    pixels = torch.arange(16.0).view(1, 1, 4, 4) - 6
    # After ReLU the first channel takes even rows and columns, the second odd ones.
    taken = torch.tensor([[0.0, 0.0, 2.0, 4.0], [0.0, 1.0, 7.0, 9.0]])
    spread = taken.var(1, correction=0, keepdim=True)
    expected = (taken - taken.mean(1, keepdim=True)) / (spread + 1e-5).sqrt()
    torch.testing.assert_close(module(pixels).view(2, 4), expected)


def test_noise_replaces_the_images_by_standard_normal_noise():
    module = operations.load("noise")(4, 4, 2, False, False)
    first, second = (module(torch.zeros(64, 4, 16, 16)) for _ in range(2))
    assert not torch.equal(first, second)
    assert abs(float(first.mean())) < 0.05
    assert abs(float(first.std()) - 1) < 0.05


def test_unknown_operation_names_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'sep_conv_3x3'"):
        operations.load("sep_conv_3x4")


def test_modules_of_others_run_once_a_part():
    norm = torch.nn.BatchNorm2d(4, affine=False, track_running_stats=False)
    stacked = images()
    alone = torch.cat([norm(part) for part in stacked.chunk(2)])
    torch.testing.assert_close(apply(norm, stacked, 2), alone)
