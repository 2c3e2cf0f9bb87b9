"""The CEC 2008 functions: the optimum is where they say, the values are those of the formulas."""

import itertools
import math

import numpy as np
import pytest

from swarmnas.errors import ShapeError, SwarmNASError, UnknownNameError
from swarmnas.problems import available, problems

NAMES = sorted(name for name in available() if name.startswith("cec2008"))
LIMITS = {1: 100, 2: 100, 3: 100, 4: 5, 5: 600, 6: 32}


def by_hand(number, z):
    if number == 1:
        return sum(x * x for x in z)
    if number == 2:
        return max(abs(x) for x in z)
    if number == 3:
        y = [x + 1 for x in z]
        return sum(100 * (a * a - b) ** 2 + (a - 1) ** 2 for a, b in itertools.pairwise(y))
    if number == 4:
        return sum(x * x - 10 * math.cos(2 * math.pi * x) + 10 for x in z)
    if number == 5:
        waves = math.prod(math.cos(x / math.sqrt(i + 1)) for i, x in enumerate(z))
        return sum(x * x for x in z) / 4000 - waves + 1
    mean = sum(x * x for x in z) / len(z)
    waves = sum(math.cos(2 * math.pi * x) for x in z) / len(z)
    return -20 * math.exp(-0.2 * math.sqrt(mean)) - math.exp(waves) + 20 + math.e


def test_all_six_are_registered():
    assert [f"cec2008-f{number}" for number in range(1, 7)] == NAMES
    with pytest.raises(
        UnknownNameError, match=r"problem: unknown name 'cec2008-f7'\. Did you mean"
    ):
        problems.load("cec2008-f7")


@pytest.mark.parametrize("number", range(1, 7))
@pytest.mark.parametrize("num_dims", [2, 7, 1000])
def test_the_minimum_is_at_the_minimiser_and_nowhere_lower(number, num_dims):
    problem = problems.load(f"cec2008-f{number}")(num_dims=num_dims, instance=3)
    assert problem.name == f"cec2008-f{number}"
    assert problem.num_dims == num_dims
    at_best = problem(problem.minimiser[None])
    np.testing.assert_allclose(at_best, [problem.minimum], atol=1e-12)
    lower, upper = problem.bounds
    assert (upper == LIMITS[number]).all()
    assert (lower == -upper).all()
    assert (np.abs(problem.minimiser) <= 0.9 * upper).all()
    rows = np.random.default_rng(0).uniform(lower, upper, (50, num_dims))
    assert (problem(rows) > problem.minimum).all()


@pytest.mark.parametrize("number", range(1, 7))
def test_values_are_those_of_the_formula(number):
    problem = problems.load(f"cec2008-f{number}")(num_dims=5, instance=1)
    rows = np.random.default_rng(number).uniform(*problem.bounds, (6, 5))
    expected = [by_hand(number, row - problem.minimiser) for row in rows]
    np.testing.assert_allclose(problem(rows), expected, rtol=1e-11)


def test_the_shift_of_f2_lies_in_the_negative_half():
    problem = problems.load("cec2008-f2")(num_dims=500, instance=0)
    assert problem.minimiser.max() <= 0
    assert problem.minimiser.min() < -80


def test_shifts_follow_the_instance_and_the_function():
    first, again, other = (problems.load("cec2008-f1")(num_dims=4, instance=s) for s in (0, 0, 1))
    assert np.array_equal(first.minimiser, again.minimiser)
    assert not np.array_equal(first.minimiser, other.minimiser)
    rastrigin = problems.load("cec2008-f4")(num_dims=4, instance=0)
    assert not np.allclose(first.minimiser / 100, rastrigin.minimiser / 5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_gives_what_numpy_gives(name, dtype):
    torch = pytest.importorskip("torch")
    problem = problems.load(name)(num_dims=6, instance=2)
    rows = np.random.default_rng(0).uniform(*problem.bounds, (8, 6)).astype(dtype)
    values = problem(torch.from_numpy(rows))
    assert values.dtype == getattr(torch, dtype)
    assert problem(rows).dtype == dtype
    np.testing.assert_allclose(values.numpy(), problem(rows), rtol=1e-4)


def test_wrong_shapes_and_sizes_are_named():
    problem = problems.load("cec2008-f1")(num_dims=4, instance=0)
    with pytest.raises(ShapeError, match=r"cec2008-f1, positions: expected shape \(n, 4\); got"):
        problem(np.zeros(4))
    with pytest.raises(SwarmNASError, match="num_dims: expected an integer >= 1"):
        problems.load("cec2008-f1")(num_dims=0)
