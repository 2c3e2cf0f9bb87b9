"""Hand-over between drivers, and the steps that move the alphas."""

import numpy as np
import pytest
import torch

from swarmnas import rng
from swarmnas.networks import Supernet
from swarmnas.phases import Epochs, Phase
from swarmnas.search.drivers import (
    GradientDriver,
    Origin,
    SwarmDriver,
    create_swarm,
    read_alphas,
    write_alphas,
)
from swarmnas.search.gradients import mixing_of
from swarmnas.spaces import Adapter, create


@pytest.fixture
def space():
    return create("nasbench201")


@pytest.fixture
def supernet(space):
    return Supernet(space, num_classes=4, in_channels=1, channels=2, cells=1, seed=0)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(16, 1, 8, 8, generator=generator), torch.arange(16) % 4


def sgd_of(net):
    return torch.optim.SGD(net.weight_parameters(), lr=0.025)


def swarm_driver(space, supernet, phase, *, spread=None):
    origin = Origin(epoch=0, centre=read_alphas(supernet), spread=spread)
    seed = rng.seed_sequence(0)
    adapter = Adapter(space)
    return SwarmDriver(supernet, adapter, phase, space.decode_indices, origin=origin, seed=seed)


def swarm_phase(**settings):
    settings = {"name": "s", "alphas": "swarm", "population_size": 8, "optimizer": "cso"} | settings
    return Phase(until=[Epochs(at_least=4)], **settings)


def test_a_swarm_is_seeded_around_the_alphas_that_a_gradient_left(space):
    adapter = Adapter(space)
    left = {"cell": np.linspace(-1, 1, 30).reshape(6, 5)}
    centre = adapter.to_position(left)
    swarm = create_swarm(adapter, swarm_phase(), seed=rng.seed_sequence(0), centre=left, spread=0.1)
    np.testing.assert_allclose(swarm.positions[0], centre, rtol=1e-12)
    away = np.std(swarm.positions[1:] - centre)
    assert 0.07 < away < 0.13  # 210 draws of standard deviation 0.1: +-4 standard errors
    assert not np.array_equal(swarm.positions[1], swarm.positions[2])


def test_before_anything_moved_the_swarm_covers_the_box(space):
    adapter = Adapter(space)
    swarm = create_swarm(adapter, swarm_phase(), seed=rng.seed_sequence(0))
    assert np.std(swarm.positions) == pytest.approx(adapter.bound / np.sqrt(3), rel=0.1)


def test_a_generation_leaves_its_recommendation_in_the_supernet(space, supernet, batch):
    adapter = Adapter(space)
    phase = swarm_phase()
    driver = swarm_driver(space, supernet, phase)
    swarm = driver.swarm
    weights = [w.clone() for w in supernet.weight_parameters()]
    assert driver.step(batch, phase_epochs=0) == 8
    expected = adapter.to_alphas(swarm.recommend())["cell"]
    np.testing.assert_allclose(read_alphas(supernet)["cell"], expected, rtol=1e-6)
    assert all(
        torch.equal(a, b) for a, b in zip(weights, supernet.weight_parameters(), strict=True)
    )


def test_answers_of_a_swarm_are_three_different_things(space, supernet, batch):
    adapter = Adapter(space)
    phase = swarm_phase()
    driver = swarm_driver(space, supernet, phase)
    swarm = driver.swarm
    for _ in range(3):
        driver.step(batch, phase_epochs=0)
    centre = adapter.to_alphas(swarm.positions.mean(axis=0))
    best = adapter.to_alphas(swarm.best_position)
    np.testing.assert_array_equal(driver.answer("centre")["cell"], centre["cell"])
    np.testing.assert_array_equal(driver.answer("best")["cell"], best["cell"])
    assert not np.allclose(driver.answer("recommend")["cell"], best["cell"])


def test_an_ablated_particle_is_worth_what_is_lost_without_its_genotype(space, supernet, batch):
    write_alphas(supernet, {"cell": np.tile(np.arange(5.0), (6, 1))})
    driver = swarm_driver(space, supernet, swarm_phase(evaluate="ablated"))
    told = []
    driver.swarm.tell = lambda positions, losses, tell=driver.swarm.tell: (
        told.append((np.array(positions), losses)) or tell(positions, losses)
    )
    driver.step(batch, phase_epochs=0)
    ((positions, losses),) = told
    picks = positions.reshape(-1, 6, 5).argmax(axis=2)
    for pick, loss in zip(picks, losses, strict=True):
        left = np.tile(np.exp(np.arange(5.0)), (6, 1))
        left[np.arange(6), pick] = 0.0
        mixing = {"cell": torch.tensor(left / left.sum(1, keepdims=True), dtype=torch.float32)}
        expected = torch.nn.functional.cross_entropy(supernet_at(supernet, batch, mixing), batch[1])
        assert loss == pytest.approx(-expected.item(), rel=1e-5)


def supernet_at(supernet, batch, mixing):
    with torch.no_grad():
        return supernet(batch[0], mixing)


def test_the_first_gradient_step_goes_against_the_sign_of_the_gradient(supernet, batch):
    phase = Phase(
        name="g", alphas="gradient", learning_rate=0.01, weight_decay=0.0,
        until=[Epochs(at_least=4)],
    )  # fmt: skip
    before = read_alphas(supernet)["cell"]
    loss = torch.nn.functional.cross_entropy(supernet(batch[0]), batch[1])
    (gradient,) = torch.autograd.grad(loss, supernet.alpha_parameters())
    driver = GradientDriver(supernet, phase, sgd_of(supernet))
    reported = driver.step(batch, batch, phase_epochs=0)
    assert reported == pytest.approx(loss.item(), rel=1e-6)
    moved = read_alphas(supernet)["cell"] - before
    # Adam's first step is the rate times the sign, where the gradient is far above epsilon.
    far = np.abs(gradient.numpy()) > 1e-5
    assert far.sum() > 10
    np.testing.assert_allclose(moved[far], -0.01 * np.sign(gradient.numpy()[far]), rtol=1e-2)


def test_beta_decay_is_the_gradient_of_the_mean_log_sum_exp(supernet, batch):
    def moved(**settings):
        net = Supernet(create("nasbench201"), num_classes=4, in_channels=1, channels=2, cells=1,
                       seed=0)  # fmt: skip
        write_alphas(net, {"cell": np.full((6, 5), 1.0)})
        phase = Phase(
            name="g", alphas="gradient", weight_decay=0.0, until=[Epochs(at_least=2)], **settings
        )
        driver = GradientDriver(net, phase, sgd_of(net))
        driver.step(batch, batch, phase_epochs=0)
        return driver.state_dict()["slots"]["0"]["exp_avg"]

    # Adam's first moment is (1 - 0.5) times the gradient; that of mean LSE is softmax / edges.
    difference = moved(beta_decay=2.0) - moved()
    np.testing.assert_allclose(difference, np.full((6, 5), 0.5 * 2.0 * 0.2 / 6), rtol=1e-4)


def test_mixing_is_a_softmax_at_a_temperature(supernet):
    alphas = {"cell": np.tile(np.array([0.0, 1.0, 2.0, 3.0, 4.0]), (6, 1))}
    warm = mixing_of(supernet, alphas, temperature=2.0)["cell"]
    expected = np.exp(alphas["cell"] / 2)
    expected /= expected.sum(-1, keepdims=True)
    np.testing.assert_allclose(warm.numpy(), expected, rtol=1e-6)
