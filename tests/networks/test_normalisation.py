import pytest
import torch
from torch.nn import functional

from swarmnas.networks.normalisation import BatchNorm, normalise


def images(*shape, memory=torch.contiguous_format, dtype=torch.float32):
    draw = torch.Generator().manual_seed(0)
    values = 3 * torch.randn(shape, generator=draw, dtype=dtype) + 5
    return values.contiguous(memory_format=memory)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(12, 8, 4, 4), (12, 6, 5, 3), (12, 100, 2, 2), (12, 3, 1, 1)])
def test_each_part_is_normalised_as_if_alone(memory, shape):
    stacked = images(*shape, memory=memory)
    weight, bias = torch.rand(shape[1]), torch.rand(shape[1])
    expected = [
        functional.batch_norm(part, None, None, weight, bias, training=True)
        for part in stacked.chunk(3)
    ]
    near = {"rtol": 1e-4, "atol": 1e-4}
    for gradients in (True, False):
        with torch.set_grad_enabled(gradients):
            normalised = normalise(stacked, 3, weight, bias, 1e-5)
        torch.testing.assert_close(normalised, torch.cat(expected), **near)
    alone = functional.batch_norm(stacked, None, None, training=True)
    torch.testing.assert_close(normalise(stacked, 1, None, None, 1e-5), alone, **near)


def test_first_and_second_derivatives_are_right():
    stacked = images(4, 2, 2, 2, memory=torch.channels_last, dtype=torch.float64)
    stacked.requires_grad_()

    def twice(values):
        return normalise(values, 2, None, None, 1e-5)

    assert torch.autograd.gradcheck(twice, [stacked])
    assert torch.autograd.gradgradcheck(twice, [stacked])


def test_running_statistics_serve_in_evaluation_mode():
    norm = BatchNorm(2, affine=True, track=True)
    norm(images(8, 2, 2, 2))
    one = images(1, 2, 1, 1)
    assert norm.running_mean.abs().sum() > 0
    expected = functional.batch_norm(one, norm.running_mean, norm.running_var)
    torch.testing.assert_close(norm.eval()(one), expected)


@pytest.mark.parametrize("rows", [1, 2])
def test_scale_multiplies_each_part_and_has_a_derivative(rows):
    stacked = images(4, 3, 2, 2, memory=torch.channels_last, dtype=torch.float64)
    scale = torch.rand(rows, 3, dtype=torch.float64, requires_grad=True)
    plain = normalise(stacked, 2, None, None, 1e-5)
    factors = scale.expand(2, 3).repeat_interleave(2, 0)[:, :, None, None]
    torch.testing.assert_close(normalise(stacked, 2, scale, None, 1e-5), plain * factors)
    contiguous = normalise(stacked.contiguous(), 2, scale, None, 1e-5)
    torch.testing.assert_close(contiguous, plain * factors)
    with torch.no_grad():
        torch.testing.assert_close(normalise(stacked, 2, scale, None, 1e-5), plain * factors)

    def scaled(values, by):
        return normalise(values, 2, by, None, 1e-5)

    assert torch.autograd.gradcheck(scaled, [stacked.requires_grad_(), scale])
    assert torch.autograd.gradgradcheck(scaled, [stacked, scale])
