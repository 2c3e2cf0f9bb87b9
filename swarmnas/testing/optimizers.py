"""The optimizer contract, as a test class: subclass it, override one fixture, run pytest.

Needs pytest and hypothesis, which ``pip install swarmnas`` does not bring.
"""

# ruff: noqa: D102 - a test's name says what it checks

from __future__ import annotations

import random
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarmnas.errors import AskTellOrderError, SettingError, ShapeError, StateError, SwarmNASError
from swarmnas.optimizers import Optimizer, create

__all__ = ["OptimizerContract"]

MakeOptimizer = Callable[..., Optimizer]

_LOWER, _UPPER = np.array([-2.0, 0.5, -8.0]), np.array([3.0, 4.0, -1.0])
_BACKENDS = ("numpy-float64", "numpy-float32", "torch-float64", "torch-float32")


def _like(backend: str) -> dict[str, Any]:
    """Return the settings that put a swarm on ``backend``; skips where torch is missing."""
    library, _, dtype = backend.partition("-")
    if library == "numpy":
        return {"dtype": dtype}
    torch = pytest.importorskip("torch")
    return {"like": torch.empty(0, dtype=getattr(torch, dtype))}


def _numpy(rows: Any) -> np.ndarray[Any, Any]:
    return np.asarray(rows)


def _sphere(rows: Any) -> np.ndarray[Any, Any]:
    """Return the squared distance to a point inside the box of these tests."""
    offset = _numpy(rows).astype(np.float64) - (0.7 * _LOWER + 0.3 * _UPPER)[: rows.shape[1]]
    return np.asarray((offset**2).sum(axis=1))


def _advance(optimizer: Optimizer, generations: int, loss: Callable[..., Any] = _sphere) -> Any:
    """Run some generations and return all rows asked for."""
    asked = []
    for _ in range(generations):
        rows = optimizer.ask()
        optimizer.tell(rows, loss(rows))
        asked.append(_numpy(rows).copy())
    return np.concatenate(asked)


def _same_state(first: Any, second: Any) -> bool:
    """Return whether two states are equal, NaN equalling NaN."""
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(
            _same_state(value, second[key]) for key, value in first.items()
        )
    if isinstance(first, np.ndarray):
        return np.array_equal(first, second, equal_nan=first.dtype.kind == "f")
    return bool(first == second)


def _xfail_without(capability: str, optimizer: Optimizer, use: Callable[[], Any]) -> None:
    """End the test as an xfail where ``capability`` is declared missing and ``use`` is refused."""
    if getattr(optimizer.capabilities, capability):
        return
    with pytest.raises(SwarmNASError, match=f"no use of {capability}"):
        use()
    pytest.xfail(optimizer.capabilities.why)


class OptimizerContract:
    """What every optimizer keeps; override :meth:`make_optimizer` with your own.

    What an optimizer declares in ``capabilities`` that it cannot do must be refused with one of
    our errors; the tests that need it then end as xfails with the reason it gives.

    Example:
        A plug-in's test file::

            class TestMine(OptimizerContract):
                @pytest.fixture
                def make_optimizer(self):
                    return functools.partial(create, "mine")
    """

    @pytest.fixture
    def make_optimizer(self) -> MakeOptimizer:
        """Return a function with the keywords of ``swarmnas.optimizers.create``."""
        raise NotImplementedError("override make_optimizer in a subclass of OptimizerContract")

    @pytest.fixture
    def make(self, make_optimizer: MakeOptimizer) -> MakeOptimizer:
        """Return ``make_optimizer`` with a box of three dimensions and a seed as defaults."""

        def make(**given: Any) -> Optimizer:
            return make_optimizer(**{"bounds": (_LOWER, _UPPER), "seed": 7, **given})

        return make

    @pytest.fixture(params=_BACKENDS)
    def backend(self, request: pytest.FixtureRequest, make: MakeOptimizer) -> dict[str, Any]:
        """Return the settings of each array library and precision in turn."""
        given = _like(request.param)
        if "like" in given:
            _xfail_without("arrays", make(), lambda: make(**given))
        return given

    @pytest.fixture(params=["noise-free", "noisy"])
    def noisy(self, request: pytest.FixtureRequest, make: MakeOptimizer) -> bool:
        """Return ``False`` and ``True`` in turn."""
        if request.param == "noisy":
            _xfail_without("noisy", make(), lambda: make(noisy=True))
        return bool(request.param == "noisy")

    @pytest.fixture
    def saves(self, make: MakeOptimizer) -> None:
        """Mark a test that needs an exact state."""
        optimizer = make()
        _xfail_without("exact_state", optimizer, optimizer.state_dict)

    def test_same_seed_same_rows_another_seed_other_rows(
        self, make: MakeOptimizer, backend: dict[str, Any], noisy: bool
    ) -> None:
        first, again, other = (
            _advance(make(seed=seed, noisy=noisy, **backend), 4) for seed in (7, 7, 8)
        )
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)

    def test_backends_follow_one_trajectory(
        self, make: MakeOptimizer, backend: dict[str, Any]
    ) -> None:
        here = _advance(make(**backend), 4)
        there = _advance(make(dtype=here.dtype.name), 4)
        tolerance = 1e-3 if here.dtype == np.float32 else 1e-9
        np.testing.assert_allclose(here, there, rtol=tolerance, atol=tolerance)

    def test_device_draws_repeat(self, make: MakeOptimizer, backend: dict[str, Any]) -> None:
        first, again = (_advance(make(draws="device", **backend), 3) for _ in range(2))
        assert np.array_equal(first, again)

    def test_global_generators_are_untouched(self, make: MakeOptimizer) -> None:
        before = np.random.get_state()[1].copy(), random.getstate()  # type: ignore[index]  # noqa: NPY002
        _advance(make(), 3)
        assert np.array_equal(before[0], np.random.get_state()[1])  # type: ignore[index]  # noqa: NPY002
        assert before[1] == random.getstate()

    def test_rows_have_the_swarms_form_and_stay_in_the_box(
        self, make: MakeOptimizer, backend: dict[str, Any], noisy: bool
    ) -> None:
        optimizer = make(noisy=noisy, **backend)
        for _ in range(6):
            rows = optimizer.ask()
            assert rows.ndim == 2
            assert rows.shape[0] >= 1
            assert rows.shape[1] == optimizer.num_dims == 3
            assert type(rows) is type(optimizer.positions)
            assert rows.dtype == optimizer.positions.dtype
            inside = (_numpy(rows) >= _LOWER) & (_numpy(rows) <= _UPPER)
            assert inside.all()
            optimizer.tell(rows, -_sphere(rows))  # the optimum lies in a corner
            assert 0 <= optimizer.diversity <= 1
            assert tuple(optimizer.positions.shape) == (optimizer.population_size, 3)

    def test_counters_and_the_best(self, make: MakeOptimizer, backend: dict[str, Any]) -> None:
        optimizer, best, told = make(**backend), np.inf, 0
        for generation in range(1, 7):
            rows = optimizer.ask()
            losses = _sphere(rows)
            optimizer.tell(rows, losses)
            told += len(losses)
            best = min(best, losses.min())
            assert optimizer.generation == generation
            assert optimizer.evaluations == told
            assert optimizer.best_loss == best
            assert _sphere(optimizer.best_position[None])[0] == best
        assert np.array_equal(_numpy(optimizer.recommend()), _numpy(optimizer.best_position))

    def test_caller_cannot_corrupt_the_swarm(self, make: MakeOptimizer, noisy: bool) -> None:
        clean, dirty = make(noisy=noisy), make(noisy=noisy)
        for _ in range(3):
            rows = clean.ask()
            clean.tell(rows, _sphere(rows))
            rows = dirty.ask()
            losses = _sphere(rows)
            dirty.tell(rows, losses)
            for mine in (rows, losses, dirty.positions, dirty.best_position, dirty.recommend()):
                mine[:] = np.nan
        assert np.array_equal(clean.ask(), dirty.ask())

    def test_a_wrong_call_changes_nothing(self, make: MakeOptimizer, saves: None) -> None:
        optimizer = make()
        for _ in range(2):
            rows, losses = self._refuses_before_ask(optimizer)
            self._refuses_before_tell(optimizer, rows, losses)
            optimizer.tell(rows, losses)
        with pytest.raises(AskTellOrderError):
            optimizer.tell(rows, losses)

    def _refuses_before_ask(self, optimizer: Optimizer) -> tuple[Any, Any]:
        before = optimizer.state_dict()
        with pytest.raises(AskTellOrderError, match=r"tell: expected .*; got nothing asked"):
            optimizer.tell(np.zeros((1, 3)), [0.0])
        assert _same_state(before, optimizer.state_dict())
        rows = optimizer.ask()
        return rows, _sphere(rows)

    def _refuses_before_tell(self, optimizer: Optimizer, rows: Any, losses: Any) -> None:
        before = optimizer.state_dict()
        with pytest.raises(AskTellOrderError, match="ask: expected a tell"):
            optimizer.ask()
        for bad, error, message in (
            (losses[:-1], ShapeError, r"losses: expected shape \(\d+,\), one for each row"),
            (losses[:, None], ShapeError, "losses: expected shape"),
            ([*losses[:-1], "worse"], SettingError, "losses: expected real numbers"),
            ([None] * len(losses), SettingError, "losses: expected real numbers"),
        ):
            with pytest.raises(error, match=message):
                optimizer.tell(rows, bad)
        for bad_rows, error in (
            (rows[:-1], ShapeError),
            (rows[:, :-1], ShapeError),
            ("rows", ShapeError),
            (rows + np.nan, SettingError),
            (rows + 100, SettingError),
        ):
            with pytest.raises(error, match="positions: expected"):
                optimizer.tell(bad_rows, losses)
        if optimizer.capabilities.violations:
            for bad_violations in (-np.ones(len(losses)), [1.0] * (len(losses) + 1)):
                with pytest.raises(SwarmNASError, match="violations: expected"):
                    optimizer.tell(rows, losses, bad_violations)
        assert _same_state(before, optimizer.state_dict())

    @pytest.mark.parametrize(
        "bad",
        [
            {"bounds": ([1.0], [0.0])},
            {"bounds": ([0.0], [np.inf])},
            {"bounds": ([0.0], [np.nan])},
            {"bounds": ([0.0, 0.0], [1.0])},
            {"bounds": ([], [])},
            {"bounds": "box"},
            {"bounds": None},
            {"population_size": 0},
            {"population_size": 2.5},
            {"max_evaluations": 0},
            {"seed": -1},
            {"dtype": "int32"},
            {"like": "torch"},
            {"draws": "dice"},
            {"initial_positions": np.zeros((1, 2))},
            {"initial_positions": np.full((1, 3), 1e9)},
            {"initial_positions": np.zeros((100_000, 3))},
            {"min_diversity": -1.0},
            {"target_loss": "low"},
            {"max_stagnation": 0},
        ],
        ids=lambda bad: next(iter(bad)),
    )
    def test_bad_settings_are_refused(self, make: MakeOptimizer, bad: dict[str, Any]) -> None:
        with pytest.raises(SwarmNASError, match=rf"{next(iter(bad))}\b.*(expected|unknown)"):
            make(**bad)

    def test_smallest_population(self, make: MakeOptimizer, noisy: bool) -> None:
        smallest = make().smallest_population
        optimizer = make(population_size=smallest, noisy=noisy)
        _advance(optimizer, 5)
        assert optimizer.population_size == smallest
        assert np.isfinite(optimizer.best_loss)
        with pytest.raises(SettingError, match=f"population_size: expected .* >= {smallest}"):
            make(population_size=smallest - 1)

    def test_odd_population_and_one_dimension(self, make: MakeOptimizer, noisy: bool) -> None:
        size = make().smallest_population | 5
        optimizer = make(population_size=size, bounds=([-2.0], [3.0]), noisy=noisy)
        assert _advance(optimizer, 6).shape[1] == 1
        assert optimizer.best_loss < 6.25

    @pytest.mark.parametrize(
        "losses",
        [
            lambda rows: np.full(len(rows), np.nan),
            lambda rows: np.full(len(rows), np.inf),
            lambda rows: np.full(len(rows), -np.inf),
        ],
        ids=["nan", "inf", "-inf"],
    )
    def test_all_rows_may_fail(
        self, make: MakeOptimizer, noisy: bool, losses: Callable[..., Any]
    ) -> None:
        optimizer = make(noisy=noisy, max_evaluations=10**6)
        assert len(_advance(optimizer, 3, losses)) == optimizer.evaluations
        assert optimizer.best_loss == np.inf
        assert np.isnan(optimizer.best_position).all()
        assert np.isfinite(optimizer.recommend()).all()
        assert optimizer.stop_reasons() == ["all-failed"]
        _advance(optimizer, 2)
        assert np.isfinite(optimizer.best_loss)
        assert optimizer.stop_reasons() == []

    def test_failed_rows_never_win(self, make: MakeOptimizer) -> None:
        def partly(rows: Any) -> Any:
            losses = _sphere(rows)
            losses[::3], losses[1::3] = np.nan, -np.inf
            return losses

        optimizer, best = make(), np.inf
        for _ in range(6):
            rows = optimizer.ask()
            losses = partly(rows)
            optimizer.tell(rows, losses)
            if np.isfinite(losses).any():
                best = min(best, losses[np.isfinite(losses)].min())
            assert optimizer.best_loss == best

    def test_equal_losses(self, make: MakeOptimizer, backend: dict[str, Any], noisy: bool) -> None:
        optimizer = make(noisy=noisy, **backend)
        rows = _advance(optimizer, 5, lambda rows: np.ones(len(rows)))
        assert optimizer.best_loss == 1
        assert np.array_equal(_numpy(optimizer.best_position), rows[0])

    def test_identical_particles(self, make: MakeOptimizer, noisy: bool) -> None:
        size = make().population_size
        optimizer = make(noisy=noisy, initial_positions=np.tile((_LOWER + _UPPER) / 2, (size, 1)))
        assert optimizer.diversity == 0
        _advance(optimizer, 4)
        assert np.isfinite(optimizer.positions).all()

    def test_initial_positions_are_evaluated_first(self, make: MakeOptimizer) -> None:
        start = np.stack([_LOWER, _UPPER])[: make().smallest_population]
        rows = make(initial_positions=start).ask()
        assert all((rows == row).all(axis=1).any() for row in start)

    def test_fixed_dimensions(
        self, make: MakeOptimizer, backend: dict[str, Any], noisy: bool
    ) -> None:
        fixed = np.array([0.1, 0.5, -8.0])
        partly = make(bounds=(fixed, np.array([0.1, 4.0, -8.0])), noisy=noisy, **backend)
        rows = _advance(partly, 4)
        assert np.array_equal(rows[:, [0, 2]], np.broadcast_to(rows[0, [0, 2]], (len(rows), 2)))
        np.testing.assert_allclose(rows[0, [0, 2]], [0.1, -8.0], rtol=1e-7)
        wholly = make(bounds=(fixed, fixed), noisy=noisy, **backend)
        _advance(wholly, 3)
        assert wholly.diversity == 0

    @pytest.mark.parametrize("exponent", [-300, 300])
    def test_extreme_scales(
        self, make: MakeOptimizer, backend: dict[str, Any], noisy: bool, exponent: int
    ) -> None:
        if make(**backend).positions.dtype.itemsize == 4:
            exponent //= 10
        scale = 10.0**exponent
        optimizer = make(bounds=(_LOWER * scale, _UPPER * scale), noisy=noisy, **backend)
        rows = _advance(optimizer, 6, lambda rows: _sphere(_numpy(rows) / scale) * scale)
        assert np.isfinite(rows).all()
        assert 0 < optimizer.diversity < 1
        assert 0 < optimizer.best_loss / scale < 100

    def test_violations_follow_debs_rules(self, make: MakeOptimizer) -> None:
        optimizer = make()
        refusing = make()
        asked = refusing.ask()
        ones = np.ones(len(asked))
        _xfail_without("violations", refusing, lambda: refusing.tell(asked, ones, ones))
        told: list[tuple[float, float]] = []
        for generation in range(5):
            rows = optimizer.ask()
            losses = _sphere(rows)
            shortfall = 0.0 if generation > 2 else 1.0
            violations = np.maximum(0, rows[:, 1] - 2) + shortfall
            optimizer.tell(rows, losses, violations)
            told += zip(violations.tolist(), losses.tolist(), strict=True)
            assert (optimizer.best_violation, optimizer.best_loss) == min(told)

    def test_noise_is_judged_within_one_batch(self, make: MakeOptimizer) -> None:
        _xfail_without("noisy", make(), lambda: make(noisy=True))
        size = make().smallest_population | 9  # odd, so that somebody may rest
        drifting, steady = (make(noisy=True, population_size=size) for _ in range(2))
        for generation in range(12):
            rows = drifting.ask()
            assert np.array_equal(rows, steady.ask())
            steady.tell(rows, _sphere(rows))
            drifting.tell(rows, _sphere(rows) + 1000.0 * generation)  # another mini-batch
            inside = (drifting.recommend() >= _LOWER) & (drifting.recommend() <= _UPPER)
            assert inside.all()
        assert np.array_equal(drifting.recommend(), steady.recommend())

    @pytest.mark.parametrize("budget", [1, 2, 3, 50, 101])
    def test_budget_is_never_overdrawn(self, make: MakeOptimizer, noisy: bool, budget: int) -> None:
        optimizer = make(max_evaluations=budget, noisy=noisy)
        while not optimizer.stop_reasons():
            rows = optimizer.ask()
            assert optimizer.evaluations + len(rows) <= budget
            optimizer.tell(rows, _sphere(rows))
        assert optimizer.stop_reasons() == ["budget"]
        assert budget - optimizer.evaluations <= (1 if noisy else 0)
        with pytest.raises(AskTellOrderError, match="ask: expected evaluations left"):
            optimizer.ask()

    def test_thresholds_stop_by_name(self, make: MakeOptimizer) -> None:
        optimizer = make(target_loss=1e9, min_diversity=1.0, max_stagnation=2)
        assert optimizer.stop_reasons() == ["diversity"]
        _advance(optimizer, 1)
        assert optimizer.stop_reasons() == ["target", "diversity"]
        _advance(optimizer, 2, lambda rows: np.full(len(rows), 1e6))
        assert optimizer.stop_reasons() == ["target", "diversity", "stagnation"]

    def test_restored_equals_never_stopped(
        self, make: MakeOptimizer, backend: dict[str, Any], noisy: bool, saves: None
    ) -> None:
        straight, saved = make(noisy=noisy, **backend), make(noisy=noisy, **backend)
        _advance(straight, 3)
        _advance(saved, 3)
        restored = make(noisy=noisy, seed=99, **backend)
        restored.load_state_dict(saved.state_dict())
        assert np.array_equal(_advance(straight, 40), _advance(restored, 40))
        assert _same_state(straight.state_dict(), restored.state_dict())

    def test_device_draws_are_restored(
        self, make: MakeOptimizer, backend: dict[str, Any], saves: None
    ) -> None:
        saved, restored = (make(seed=s, draws="device", **backend) for s in (1, 2))
        _advance(saved, 2)
        restored.load_state_dict(saved.state_dict())
        assert np.array_equal(_advance(saved, 2), _advance(restored, 2))

    @settings(
        max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(
        steps=st.lists(
            st.sampled_from(["ask", "tell", "restore", "fail", "repair", "inject"]), max_size=12
        ),
        seed=st.integers(0, 2**32),
        population=st.integers(0, 6),
        box=st.sampled_from(["plain", "one fixed dimension", "tiny", "huge"]),
        backend=st.sampled_from(_BACKENDS if find_spec("torch") else _BACKENDS[:2]),
    )
    def test_any_sequence_of_calls_survives_being_saved(
        self,
        make: MakeOptimizer,
        noisy: bool,
        saves: None,
        steps: list[str],
        seed: int,
        population: int,
        box: str,
        backend: str,
    ) -> None:
        given = _like(backend if make().capabilities.arrays else _BACKENDS[0])
        size = make().smallest_population + population
        largest = 1e30 if "float32" in backend else 1e300
        scale = {"tiny": 1 / largest, "huge": largest}.get(box, 1.0)
        lower, upper = _LOWER * scale, _UPPER * scale
        if box == "one fixed dimension":
            upper = np.array([_LOWER[0], *upper[1:]])

        def start(seed: int) -> Optimizer:
            bounds = lower, upper
            return make(seed=seed, bounds=bounds, population_size=size, noisy=noisy, **given)

        one, two = start(seed), start(seed)
        for step in steps:
            if step == "restore":
                state = two.state_dict()
                two = start(0)
                two.load_state_dict(state)
            elif step == "inject":
                for optimizer in (one, two):
                    self._inject_or_be_refused(optimizer, count=1 + seed % size)
            elif one.pending is None:
                assert np.array_equal(_numpy(one.ask()), _numpy(two.ask()))
            elif step != "ask":
                for optimizer in (one, two):
                    assert optimizer.pending is not None
                    rows = _numpy(optimizer.pending)
                    if step == "repair":
                        inner = map(_numpy, optimizer.bounds)
                        rows = np.clip(np.round(rows / scale) * scale, *inner)
                    losses = _sphere(rows / scale)
                    if step == "fail":
                        losses[::2] = np.nan
                    optimizer.tell(rows, losses)
        assert _same_state(one.state_dict(), two.state_dict())

    @staticmethod
    def _inject_or_be_refused(optimizer: Optimizer, count: int) -> None:
        lower, upper = map(_numpy, optimizer.bounds)
        share = np.linspace(0, 1, 3 * count).reshape(count, 3)
        rows = np.clip(lower + share * (upper - lower), lower, upper)
        losses = share.sum(axis=1)
        if optimizer.pending is None:
            optimizer.inject(rows, losses)
            return
        with pytest.raises(AskTellOrderError, match="inject: expected a tell"):
            optimizer.inject(rows, losses)

    def test_injected_points_are_known(
        self, make: MakeOptimizer, backend: dict[str, Any], noisy: bool
    ) -> None:
        optimizer = make(noisy=noisy, **backend)
        _advance(optimizer, 3)
        told, best = optimizer.evaluations, 0.7 * _LOWER + 0.3 * _UPPER
        optimizer.inject(best[None], [-1.0])
        assert optimizer.evaluations == told
        assert np.isclose(_numpy(optimizer.positions), best, rtol=1e-6).all(axis=1).any()
        if not noisy:
            assert optimizer.best_loss == -1
            np.testing.assert_allclose(_numpy(optimizer.best_position), best, rtol=1e-6)
        rows = _advance(optimizer, 6)
        inside = (rows >= _LOWER) & (rows <= _UPPER)
        assert inside.all()

    def test_injecting_everything_starts_the_search(self, make: MakeOptimizer, noisy: bool) -> None:
        rows = make(seed=11).positions
        optimizer = make(initial_positions=rows, initial_losses=_sphere(rows), noisy=noisy)
        assert optimizer.evaluations == 0
        if not noisy:
            assert optimizer.best_loss == _sphere(rows).min()
        _advance(optimizer, 4)
        assert optimizer.best_loss <= _sphere(rows).min() or noisy

    @pytest.mark.parametrize(
        ("positions", "losses", "message"),
        [
            (np.zeros((1, 2)), [0.0], r"positions: expected shape \(k, 3\)"),
            (np.zeros((0, 3)), [], "positions: expected shape"),
            (np.full((1, 3), 1e9), [0.0], "positions: expected numbers inside"),
            (np.full((1, 3), np.nan), [0.0], "positions: expected numbers inside"),
            (None, [0.0, 1.0], r"losses: expected shape \(1,\)"),
            (None, ["low"], "losses: expected real numbers"),
            (None, None, "losses: expected 1 numbers"),
        ],
    )
    def test_bad_injections_change_nothing(
        self, make: MakeOptimizer, positions: Any, losses: Any, message: str
    ) -> None:
        optimizer, twin = make(), make()
        with pytest.raises(SwarmNASError, match=message):
            optimizer.inject(_LOWER[None] if positions is None else positions, losses)
        assert np.array_equal(optimizer.positions, twin.positions)
        assert np.array_equal(_advance(optimizer, 3), _advance(twin, 3))

    def test_foreign_states_are_refused(self, make: MakeOptimizer, saves: None) -> None:
        optimizer = make()
        _advance(optimizer, 2)
        state, before = optimizer.state_dict(), optimizer.state_dict()
        size = optimizer.population_size
        rows = {**state["values"], "rows": state["values"]["rows"][:-1]}
        for key, foreign in (
            ("optimizer", {**state, "optimizer": "another"}),
            ("version", {**state, "version": 0}),
            ("num_dims", make(bounds=([0.0], [1.0])).state_dict()),
            ("population_size", make(population_size=size + 2).state_dict()),
            ("dtype", make(dtype="float32").state_dict()),
            ("upper", make(bounds=(_LOWER, _UPPER + 1)).state_dict()),
            ("settings", {**state, "settings": {"unheard": 1}}),
            ("optimizer", {}),
            ("rows", {**state, "values": rows}),
            ("", {**state, "values": {}}),
            ("", {**state, "rng": {}}),
        ):
            with pytest.raises(StateError, match=rf"state.*{key}: expected"):
                optimizer.load_state_dict(foreign)
        assert _same_state(before, optimizer.state_dict())

    def test_beats_random_search_on_the_sphere(self, make: MakeOptimizer) -> None:
        def error(new: Callable[..., Optimizer]) -> float:
            losses = []
            for seed in range(3):
                optimizer = new(seed=seed, max_evaluations=600)
                while not optimizer.stop_reasons():
                    _advance(optimizer, 1)
                losses.append(np.log10(optimizer.best_loss))
            return float(np.mean(losses))

        by_chance = error(lambda **given: create("random", bounds=(_LOWER, _UPPER), **given))
        assert error(make) <= by_chance
