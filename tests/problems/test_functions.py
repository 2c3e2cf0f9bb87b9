"""Problems with a known minimum: what they say of themselves holds, on both array libraries."""

import math

import numpy as np
import pytest

from swarmnas.errors import SettingError, ShapeError, UnknownNameError
from swarmnas.problems import available, create, problems, suite
from swarmnas.rng import generator

NAMES = sorted(problems)
SIZES = (10, 20)


def make(name, num_dims=10, instance=1, **settings):
    if name.startswith(("bbob", "cec2022")):
        pytest.importorskip("ioh")
    if name.startswith("nevergrad"):
        pytest.importorskip("nevergrad")
    return create(name, num_dims=num_dims, instance=instance, **settings)


def near(value, minimum):
    return value == pytest.approx(minimum, abs=1e-9 * max(1, abs(minimum)))


@pytest.mark.parametrize("name", NAMES)
def test_the_minimum_is_where_and_what_the_problem_says(name):
    for num_dims in SIZES:
        problem = make(name, num_dims)
        assert problem.num_dims == num_dims
        assert problem.lower.shape == problem.upper.shape == (num_dims,)
        assert (problem.lower < problem.upper).all()
        assert (problem.lower <= problem.minimiser).all()
        assert (problem.minimiser <= problem.upper).all()
        assert near(float(problem(problem.minimiser[None])[0]), problem.minimum)


@pytest.mark.parametrize("name", NAMES)
def test_no_position_is_below_the_minimum(name):
    problem, rng = make(name), generator(7)
    width = problem.upper - problem.lower
    anywhere = problem.lower + width * rng.random((200, 10))
    scales = 10.0 ** rng.uniform(-8, 0, (200, 1))
    close = problem.minimiser + scales * width * rng.standard_normal((200, 10))
    losses = problem(np.concatenate([anywhere, close]))
    assert losses.shape == (400,)
    assert losses.min() >= problem.minimum - 1e-9 * max(1, abs(problem.minimum))


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_independent_and_arguments_unharmed(name):
    problem = make(name)
    rows = problem.lower + (problem.upper - problem.lower) * generator(1).random((5, 10))
    before = rows.copy()
    together = problem(rows)
    assert np.array_equal(rows, before)
    alone = np.concatenate([problem(row[None]) for row in rows])
    assert together == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize("name", suite("classic"))
def test_torch_gives_what_numpy_gives(name):
    torch = pytest.importorskip("torch")
    problem = make(name, rotated=True, condition=100.0)
    rows = problem.lower + (problem.upper - problem.lower) * generator(1).random((5, 10))
    losses = problem(torch.from_numpy(rows))
    assert isinstance(losses, torch.Tensor)
    assert losses.numpy() == pytest.approx(problem(rows), rel=1e-9)
    assert problem(torch.from_numpy(rows).float()).dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "row", "loss"),
    [  # by hand from the formulas
        ("sphere", [1, 2], 5),
        ("ellipsoid", [1, 2], 1 + 4e6),
        ("bent-cigar", [1, 2], 1 + 4e6),
        ("discus", [1, 2], 1e6 + 4),
        ("different-powers", [3, 2], math.sqrt(9 + 64)),
        ("schwefel-1.2", [1, 2], 1 + 9),
        ("schwefel-2.21", [1, -2], 2),
        ("rosenbrock", [0, 2], 100 * 4 + 1),
        ("zakharov", [1, 2], 5 + 2.5**2 + 2.5**4),
        ("rastrigin", [0.5, 1], 0.25 + 20 + 1),
        ("ackley", [1, 1], 20 - 20 * math.exp(-0.2)),
        ("griewank", [2, 0], 4 / 4000 - math.cos(2) + 1),
        ("schwefel", [0, 0], 2 * 418.9828872724337),
        ("levy", [1, 5], 1 * 1 * (1 + math.sin(4 * math.pi) ** 2)),
        ("weierstrass", [0.5, 0], 2 * sum(0.5**k for k in range(21))),
        ("styblinski-tang", [1, 0], -5),
        ("alpine", [1, 0], math.sin(1) + 0.1),
        ("salomon", [3, 4], 0.5),
        ("schaffer-f7", [1, 0], (1 + math.sin(50) ** 2) ** 2),
        ("happy-cat", [1, 1], 2),
    ],
)
def test_the_textbook_form_by_hand(name, row, loss):
    problem = create(name, num_dims=2, instance=0)
    assert problem(np.array([row], dtype=float))[0] == pytest.approx(loss, rel=1e-12)


def test_an_instance_is_one_function_and_others_are_others():
    first, again, other = (create("levy", num_dims=5, instance=k) for k in (1, 1, 2))
    assert np.array_equal(first.minimiser, again.minimiser)
    assert not np.array_equal(first.minimiser, other.minimiser)


def test_rotation_keeps_distances_and_conditioning_stretches():
    far = np.zeros((1, 6))
    plain = create("sphere", num_dims=6)
    turned = create("sphere", num_dims=6, rotated=True)
    assert turned(far) == pytest.approx(plain(far), rel=1e-12)
    step = plain.minimiser + np.eye(6)[[0, 5]]
    assert create("sphere", num_dims=6, condition=1e4)(step) == pytest.approx([1, 1e4])


def test_noise_is_seeded_multiplies_the_error_and_keeps_the_exact_function():
    rows = np.zeros((1000, 3))
    noisy, again = (create("sphere", num_dims=3, noise=0.5, noise_seed=3) for _ in range(2))
    losses = noisy(rows)
    assert np.array_equal(losses, again(rows))
    assert not np.array_equal(losses, noisy(rows))
    assert np.std(np.log(losses / noisy.exact(rows))) == pytest.approx(0.5, abs=0.05)
    assert noisy.noisy
    assert noisy(noisy.minimiser[None])[0] == pytest.approx(0, abs=1e-12)


def test_what_does_not_exist_is_refused_with_what_does():
    with pytest.raises(UnknownNameError, match="Did you mean 'rastrigin'"):
        create("rastrign", num_dims=2)
    with pytest.raises(UnknownNameError, match="Did you mean 'rotated'"):
        create("sphere", num_dims=2, rotate=True)
    with pytest.raises(UnknownNameError, match="Did you mean 'bbob'"):
        suite("bbbob")
    with pytest.raises(SettingError, match="num_dims"):
        create("rosenbrock", num_dims=1)
    with pytest.raises(SettingError, match="num_dims"):
        make("cec2022-f1", 7)
    with pytest.raises(SettingError, match="instance"):
        make("bbob-f1", 10, 0)
    with pytest.raises(ShapeError, match="one position a row"):
        create("sphere", num_dims=2)(np.zeros(2))
    assert set(available()) == set(NAMES)


def test_bbob_equals_cocoex():
    cocoex = pytest.importorskip("cocoex")
    rng = generator(3)
    for number in range(1, 25):
        for num_dims, instance in ((2, 1), (10, 7), (20, 15)):
            wanted = cocoex.BareProblem("bbob", number, num_dims, instance)
            problem = make(f"bbob-f{number}", num_dims, instance)
            rows = rng.uniform(-5, 5, (20, num_dims))
            assert problem(rows) == pytest.approx([wanted(row) for row in rows], rel=1e-9)
            assert problem.minimum == pytest.approx(wanted.best_value(), abs=1e-9)
