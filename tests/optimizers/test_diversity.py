"""Diversity measures against numbers computed by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from swarmnas.errors import SettingError, ShapeError
from swarmnas.optimizers.diversity import (
    centre_distance,
    crowding,
    dimension_entropy,
    dimension_spread,
    diversity_aware_fitness,
)

LOWER, UPPER = np.array([0.0, 0.0]), np.array([3.0, 4.0])
SQUARE = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0], [3.0, 4.0]])
MEASURES = (centre_distance, dimension_spread, dimension_entropy)


def test_corners_of_the_box():
    assert centre_distance(SQUARE, LOWER, UPPER) == pytest.approx(0.5, rel=1e-15)
    assert dimension_spread(SQUARE, LOWER, UPPER) == 0.5
    assert dimension_entropy(SQUARE, LOWER, UPPER, bins=2) == pytest.approx(1)
    assert dimension_entropy(SQUARE, LOWER, UPPER, bins=4) == pytest.approx(0.5)


def test_crowding_in_units_of_the_box():
    assert crowding(SQUARE, LOWER, UPPER, neighbours=1).tolist() == [1, 1, 1, 1]
    assert crowding(SQUARE, LOWER, UPPER) == pytest.approx([4 / 3] * 4)
    assert crowding(SQUARE[:1], LOWER, UPPER).tolist() == [0]


def test_crowding_of_many_equals_all_distances():
    swarm = np.random.default_rng(0).normal(size=(150, 5)) * 1e-6 + 0.3
    lower, upper = np.zeros(5), np.ones(5)
    distances = ((swarm[:, None] - swarm[None]) ** 2).sum(axis=2)
    expected = np.sort(distances, axis=1)[:, 1:4].mean(axis=1)
    np.testing.assert_allclose(crowding(swarm, lower, upper), expected, rtol=1e-6)


@given(arrays(np.float64, (6, 2), elements=st.floats(0, 3)))
def test_measures_are_shares(swarm):
    for measure in MEASURES:
        assert 0 <= measure(swarm, LOWER, UPPER) <= 1
    assert (crowding(swarm, LOWER, UPPER) >= 0).all()


@pytest.mark.parametrize("measure", [*MEASURES, lambda *given: float(crowding(*given).max())])
@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_scale_and_fixed_dimensions_do_not_matter(measure, scale):
    lower, upper = np.append(LOWER, 1.0), np.append(UPPER, 1.0)
    swarm = np.column_stack([SQUARE * 0.9, np.ones(4)])
    here = measure(swarm * scale, lower * scale, upper * scale)
    assert here == pytest.approx(measure(swarm, lower, upper), rel=1e-9)
    assert measure(np.ones((3, 1)) * scale, np.ones(1) * scale, np.ones(1) * scale) == 0


def test_fitness_blends_ranks():
    losses = np.array([0.0, 5.0, 5.0, np.inf])
    spacing = np.array([0.1, 0.4, 0.2, 0.3])
    fitness = diversity_aware_fitness(losses, spacing, 0.5)
    assert fitness.tolist() == [1.5, 0.5, 1.5, np.inf]
    assert diversity_aware_fitness(losses, spacing, 0.0).tolist() == [0, 1, 1, np.inf]
    violations = np.array([1.0, 0.0, 0.5, np.inf])
    ranked = diversity_aware_fitness(losses, spacing, 0.0, violations=violations)
    assert ranked.tolist() == [2, 0, 1, np.inf]


def test_wrong_arguments_are_named():
    with pytest.raises(ShapeError, match="diversity: expected"):
        centre_distance(SQUARE, LOWER, np.ones(3))
    with pytest.raises(SettingError, match="neighbours: expected an integer >= 1"):
        crowding(SQUARE, LOWER, UPPER, neighbours=0)
    with pytest.raises(SettingError, match="weight: expected"):
        diversity_aware_fitness(np.zeros(2), np.zeros(2), 1.5)
