"""Search that starts from knowledge: initial losses, injection, another optimizer's memory."""

import numpy as np
import pytest

from swarmnas.errors import SettingError, ShapeError
from swarmnas.optimizers import create, optimizers, warm_restart

LOWER, UPPER = np.full(3, -2.0), np.full(3, 5.0)
OURS = sorted(set(optimizers) - {"cma"})


def sphere(rows):
    return (np.asarray(rows) ** 2).sum(axis=1)


def run(swarm, generations):
    for _ in range(generations):
        rows = swarm.ask()
        swarm.tell(rows, sphere(rows))


@pytest.mark.parametrize("name", OURS)
def test_known_losses_are_not_evaluated_again(name):
    start = np.array([[0.5, 0.5, 0.5], [1.0, 2.0, 3.0]])
    given = {"bounds": (LOWER, UPPER), "seed": 0, "population_size": 10}
    swarm = create(name, initial_positions=start, initial_losses=sphere(start), **given)
    assert swarm.evaluations == 0
    assert swarm.best_loss == 0.75
    rows = swarm.ask()
    assert len(rows) == 8
    assert not any((rows == row).all(axis=1).any() for row in start)


@pytest.mark.parametrize("name", OURS)
def test_an_injected_optimum_is_used(name):
    given = {"bounds": (LOWER, UPPER), "seed": 0, "population_size": 12}
    helped, alone = create(name, **given), create(name, **given)
    run(helped, 3)
    run(alone, 3)
    helped.inject([[1e-3, 0.0, 0.0], [0.0, 1e-3, 0.0]], [1e-6, 1e-6])
    kept, losses, _ = helped.memory()
    assert losses[:2].tolist() == [1e-6, 1e-6]
    np.testing.assert_allclose(sphere(kept), losses)
    run(helped, 10)
    run(alone, 10)
    assert helped.best_loss <= 1e-6
    assert helped.best_loss < alone.best_loss


@pytest.mark.parametrize("source", OURS)
@pytest.mark.parametrize("name", ["cso", "pso", "cma", "nevergrad:OnePlusOne"])
def test_a_warm_restart_knows_what_the_source_knew(source, name):
    first = create(source, bounds=(LOWER, UPPER), seed=0, population_size=10)
    run(first, 8)
    before = first.positions
    second = warm_restart(name, first, seed=1, population_size=8, max_evaluations=500)
    assert second.best_loss == first.best_loss
    assert second.evaluations == 0
    run(second, 6)
    assert second.best_loss <= first.best_loss
    assert np.array_equal(first.positions, before)


def test_a_warm_restart_under_noise_takes_positions_alone():
    first = create("cso", bounds=(LOWER, UPPER), seed=0, population_size=10, noisy=True)
    run(first, 5)
    second = warm_restart("pso", first, seed=1, population_size=10)
    assert second.noisy
    assert second.best_loss == np.inf
    assert len(second.ask()) == 10
    assert {tuple(row) for row in second.positions} == {tuple(row) for row in first.positions}


def test_a_warm_restart_stays_on_the_sources_arrays():
    torch = pytest.importorskip("torch")
    first = create("cso", bounds=(LOWER, UPPER), seed=0, like=torch.empty(0, dtype=torch.float32))
    run(first, 3)
    second = warm_restart("llso", first, seed=1)
    rows = second.ask()
    assert isinstance(rows, torch.Tensor)
    assert rows.dtype == torch.float32


def test_injected_losses_follow_debs_rules():
    swarm = create("cso", bounds=(LOWER, UPPER), seed=0, population_size=6)
    swarm.inject([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], [0.0, 3.0], [0.5, 0.0])
    assert (swarm.best_loss, swarm.best_violation) == (3.0, 0.0)
    swarm.inject([[2.0, 0.0, 0.0]], [np.nan])
    assert swarm.best_loss == 3.0
    with pytest.raises(SettingError, match="violations: expected >= 0"):
        swarm.inject([[0.0, 0.0, 0.0]], [0.0], [-1.0])


def test_more_points_than_particles_are_refused():
    swarm = create("cso", bounds=(LOWER, UPPER), seed=0, population_size=4)
    with pytest.raises(ShapeError, match=r"positions: expected shape \(k, 3\), 1 <= k <= 4"):
        swarm.inject(np.zeros((5, 3)), np.zeros(5))


def test_a_start_that_the_budget_cut_goes_on_where_it_stopped():
    given = {"bounds": (LOWER, UPPER), "seed": 0, "population_size": 10}
    short = create("llso", max_evaluations=6, **given)
    first = short.ask()
    short.tell(first, sphere(first))
    longer = create("llso", max_evaluations=60, **given)
    longer.load_state_dict(short.state_dict())
    assert np.array_equal(np.concatenate([first, longer.ask()]), create("llso", **given).ask())
