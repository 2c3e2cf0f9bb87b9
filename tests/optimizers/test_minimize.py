"""minimize keeps SciPy's conventions."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.optimize import Bounds, OptimizeResult

import swarmnas
from swarmnas.errors import SettingError, ShapeError, UnknownNameError
from swarmnas.optimizers import minimize

BOX = [(-3.0, 4.0), (-1.0, 2.0)]


def sphere(x):
    assert x.shape == (2,)
    return float(((x - 1) ** 2).sum())


def sphere_rows(rows):
    assert rows.shape[1] == 2
    return ((rows - 1) ** 2).sum(axis=1)


def test_result_has_scipys_fields():
    result = swarmnas.minimize(sphere, BOX, max_evaluations=1000, population_size=40, seed=0)
    assert isinstance(result, OptimizeResult)
    assert result.success
    assert result.status == 0
    assert result.message == "Stopped: budget."
    assert result.nfev == 1000
    assert result.nit > 1
    assert result.fun == sphere(result.x) < 1e-6
    assert result.population.shape == (40, 2)


def test_every_way_of_evaluating_gives_one_answer():
    given = {"method": "cso", "max_evaluations": 300, "seed": 4}
    plain = minimize(sphere, BOX, **given)
    rows = minimize(sphere_rows, BOX, vectorized=True, **given)
    bounds = minimize(sphere, Bounds([-3, -1], [4, 2]), **given)
    with ThreadPoolExecutor(2) as executor:
        pooled = minimize(sphere, BOX, executor=executor, **given)
    for other in (rows, bounds, pooled):
        assert np.array_equal(plain.x, other.x)
        assert other.nfev == plain.nfev


@pytest.mark.parametrize("how", ["returns", "raises"])
def test_callback_stops(how):
    seen = []

    def callback(*, intermediate_result):
        seen.append(intermediate_result.fun)
        if len(seen) < 3:
            return False
        if how == "raises":
            raise StopIteration
        return True

    result = minimize(sphere, BOX, max_evaluations=1000, seed=0, callback=callback)
    assert result.nit == len(seen) == 3
    assert not result.success
    assert result.status == 99
    assert result.message == "Stopped by the callback."


def test_noisy_evaluates_the_recommended_point_within_the_budget():
    rng, calls = np.random.default_rng(0), []

    def noisy(x):
        calls.append(x)
        return sphere(x) * np.exp(0.3 * rng.normal())

    result = minimize(noisy, BOX, max_evaluations=801, seed=0, noisy=True)
    assert result.nfev == len(calls) <= 801
    assert np.array_equal(calls[-1], result.x)
    assert 0 < result.fun < 1e-2


def test_nothing_succeeded():
    result = minimize(lambda x: np.nan, BOX, max_evaluations=50, seed=0)
    assert not result.success
    assert result.status == 1
    assert result.message == "No evaluation succeeded. Stopped: budget."


def test_settings_and_thresholds_reach_the_optimizer():
    result = minimize(
        sphere, BOX, "pso", max_evaluations=10_000, seed=0, inertia=0.6, target_loss=1e-3
    )
    assert result.message == "Stopped: target."
    assert result.nfev < 10_000


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"method": "icsoo"}, UnknownNameError, "optimizer: unknown name 'icsoo'. Did you mean"),
        ({"pih": 1}, UnknownNameError, "icso setting: unknown name 'pih'. Did you mean 'phi'"),
        ({"bounds": [1, 2]}, ShapeError, "bounds: expected a sequence of"),
        ({"bounds": [(1, "a")]}, ShapeError, "bounds: expected a sequence of"),
        ({"bounds": [(2, 1)]}, SettingError, "bounds: expected lower <= upper"),
        ({"max_evaluations": 0}, SettingError, "max_evaluations: expected an integer >= 1"),
        ({"executor": 1, "vectorized": True}, SettingError, "executor: expected None"),
    ],
)
def test_bad_calls(given, error, message):
    with pytest.raises(error, match=message):
        minimize(**{"fun": sphere, "bounds": BOX, "max_evaluations": 10, "seed": 0, **given})


def test_errors_of_the_function_pass_through():
    with pytest.raises(ZeroDivisionError):
        minimize(lambda x: 1 / 0, BOX, max_evaluations=10, seed=0)
