"""Gradients on the alphas against finite differences, in float64 on a tiny supernet."""

import numpy as np
import pytest
import torch

from swarmnas.networks import Supernet
from swarmnas.search.gradients import alpha_loss, first_order, mixing_of, second_order
from swarmnas.spaces import create

RATE, MOMENTUM, DECAY = 0.1, 0.9, 3e-3


def draw(seed):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(8, 1, 8, 8, generator=generator, dtype=torch.float64)
    return images, torch.arange(8) % 4


@pytest.fixture(scope="module", params=[0, 1])
def trained(request):
    """Return a supernet that has taken steps, its optimiser, and alphas away from zero."""
    net = Supernet(
        create("nasbench201"), num_classes=4, in_channels=1, channels=2, cells=1, seed=request.param
    ).double()
    sgd = torch.optim.SGD(
        net.weight_parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY, nesterov=True
    )
    for step in range(3):
        sgd.zero_grad()
        alpha_loss(net, mixing_of(net), draw(10 + step)).backward()
        sgd.step()
    generator = torch.Generator().manual_seed(request.param)
    return net, sgd, torch.randn(6, 5, generator=generator, dtype=torch.float64)


def differences(function, rows, step=1e-6):
    """Return the gradient of a function of a table by central differences."""
    found = np.zeros(rows.shape)
    for place in np.ndindex(*rows.shape):
        ahead, behind = rows.clone(), rows.clone()
        ahead[place] += step
        behind[place] -= step
        found[place] = (function(ahead) - function(behind)) / (2 * step)
    return found


def penalty(alphas, mixing):
    return 0.3 * alphas["cell"].logsumexp(-1).mean() + 0.1 * mixing["cell"].square().sum()


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_the_first_order_is_the_gradient_at_fixed_weights(trained, temperature):
    net, _, rows = trained
    valid = draw(1)

    def loss(at):
        mixing = mixing_of(net, {"cell": at}, temperature=temperature)
        return (alpha_loss(net, mixing, valid) + penalty({"cell": at}, mixing)).item()

    reported, (gradient,) = first_order(
        net,
        {"cell": rows.clone().requires_grad_()},
        valid,
        temperature=temperature,
        penalty=penalty,
    )
    expected = differences(loss, rows)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7 * np.abs(expected).max())
    plain = mixing_of(net, {"cell": rows}, temperature=temperature)
    assert reported.item() == pytest.approx(alpha_loss(net, plain, valid).item())


def test_the_second_order_follows_the_weights_one_step_ahead(trained):
    net, sgd, rows = trained
    valid, train = draw(1), draw(2)
    own = {f"stack.{name}": weight for name, weight in net.stack.named_parameters()}
    before = [weight.detach().clone() for weight in own.values()]

    def ahead(at):
        loss = alpha_loss(net, mixing_of(net, {"cell": at}), train)
        gradients = torch.autograd.grad(loss, list(own.values()))
        return {
            name: (
                weight
                - RATE * (g + DECAY * weight + MOMENTUM * sgd.state[weight]["momentum_buffer"])
            ).detach()
            for (name, weight), g in zip(own.items(), gradients, strict=True)
        }

    def loss(at):
        mixing = mixing_of(net, {"cell": at})
        unrolled = alpha_loss(net, mixing, valid, weights=ahead(at))
        return (unrolled + penalty({"cell": at}, mixing)).item()

    point = {"cell": rows.clone().requires_grad_()}
    reported, (gradient,) = second_order(net, point, valid, train, sgd, penalty=penalty)
    expected = differences(loss, rows)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7 * np.abs(expected).max())
    mixing = mixing_of(net, {"cell": rows})
    unrolled = alpha_loss(net, mixing, valid, weights=ahead(rows))
    assert reported.item() == pytest.approx(unrolled.item())
    assert all(torch.equal(a, b) for a, b in zip(before, own.values(), strict=True))
    (first,) = first_order(net, point, valid, penalty=penalty)[1]
    assert not np.allclose(gradient, first, rtol=0.1)


def test_the_second_order_leaves_frozen_weights_where_they_are(trained):
    net, sgd, rows = trained
    point = {"cell": rows.clone().requires_grad_()}
    free = second_order(net, point, draw(1), draw(2), sgd)[1][0]
    stem = next(iter(net.stack.stem.parameters()))
    stem.requires_grad_(False)
    frozen = second_order(net, point, draw(1), draw(2), sgd)[1][0]
    stem.requires_grad_(True)
    assert not torch.allclose(free, frozen)


def test_mixing_is_a_softmax_at_a_temperature():
    net = Supernet(create("nasbench201"), num_classes=4, in_channels=1, channels=2, cells=1, seed=0)
    alphas = {"cell": np.tile(np.array([0.0, 1.0, 2.0, 3.0, 4.0]), (6, 1))}
    warm = mixing_of(net, alphas, temperature=2.0)["cell"]
    expected = np.exp(alphas["cell"] / 2)
    expected /= expected.sum(-1, keepdims=True)
    np.testing.assert_allclose(warm.numpy(), expected, rtol=1e-6)
