"""CMA-ES by pycma and the optimizers of nevergrad, behind our contract."""

import numpy as np
import pytest

from swarmnas.errors import SettingError, StateError, UnknownNameError
from swarmnas.optimizers import available, create

BOX = ([-5.0, 0.0], [5.0, 2.0])


def sphere(rows):
    return ((rows - 1) ** 2).sum(axis=1)


def test_cma_restarts_with_a_larger_population():
    swarm = create("cma", bounds=BOX, seed=0, max_evaluations=4000)
    sizes = set()
    while not swarm.stop_reasons():
        rows = swarm.ask()
        sizes.add(len(rows))
        swarm.tell(rows, sphere(rows))
        assert tuple(swarm.positions.shape) == (swarm.population_size, 2)
    assert {6, 12} <= sizes
    assert swarm.best_loss < 1e-15


def test_cma_answers_noise_with_its_mean():
    rng = np.random.default_rng(0)
    swarm = create("cma", bounds=BOX, seed=0, max_evaluations=2000, noisy=True)
    while not swarm.stop_reasons():
        rows = swarm.ask()
        swarm.tell(rows, sphere(rows) * np.exp(0.3 * rng.standard_normal(len(rows))))
    np.testing.assert_allclose(swarm.recommend(), [1, 1], atol=1e-2)


def test_cma_follows_debs_rules():
    swarm = create("cma", bounds=BOX, seed=0, max_evaluations=1500)
    while not swarm.stop_reasons():
        rows = swarm.ask()
        swarm.tell(rows, sphere(rows), np.maximum(0, 2 - rows[:, 0]))
    assert swarm.best_violation == 0
    np.testing.assert_allclose(swarm.best_position, [2, 1], atol=0.05)


def test_wrapped_optimizers_refuse_to_be_saved_with_a_reason():
    for name in ("cma", "nevergrad:OnePlusOne"):
        with pytest.raises(StateError, match=f"{name}: expected no use of exact_state.*pickle"):
            create(name, bounds=BOX, seed=0).state_dict()


def test_any_name_of_nevergrad_answers_and_is_listed_as_one():
    assert "nevergrad:NAME" in available()
    swarm = create("nevergrad:TwoPointsDE", bounds=BOX, seed=0, max_evaluations=400)
    assert swarm.name == "nevergrad:TwoPointsDE"
    while not swarm.stop_reasons():
        rows = swarm.ask()
        swarm.tell(rows, sphere(rows))
    assert swarm.best_loss < 0.1


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("nevergrad:TwoPointDE", UnknownNameError, "Did you mean 'TwoPointsDE'"),
        ("nevergrad:", UnknownNameError, "nevergrad: unknown name ''"),
        ("nevergrat:PSO", UnknownNameError, "optimizer: unknown name"),
        ("nevergrad:RandomSearch", SettingError, "expected an adaptive optimizer; got RandomSea"),
        ("nevergrad:ScrHammersleySearch", SettingError, "learns from none"),
    ],
)
def test_names_that_cannot_be_had(name, error, message):
    with pytest.raises(error, match=message):
        create(name, bounds=BOX, seed=0)


def test_a_method_that_takes_one_row_at_a_time_says_so():
    assert create("nevergrad:NelderMead", bounds=BOX, seed=0).population_size == 1
    with pytest.raises(SettingError, match="population_size: expected 1, for NelderMead takes"):
        create("nevergrad:NelderMead", bounds=BOX, seed=0, population_size=4)
