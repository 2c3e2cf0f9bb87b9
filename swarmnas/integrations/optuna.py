"""Optuna: a swarm as a sampler, whose state is the study itself."""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from swarmnas.checks import explain, require
from swarmnas.errors import SettingError
from swarmnas.integrations.dimensions import Dimension, swarm_in_cube
from swarmnas.optimizers import Optimizer

require("optuna", extra="optuna", needed_by="SwarmSampler")
import optuna  # noqa: E402 - after the check
from optuna.distributions import (  # noqa: E402
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState  # noqa: E402

__all__ = ["SwarmSampler"]

_KEY = "swarmnas:particle"
"""The attribute of a trial that says which particle it evaluates."""
_LOCK = threading.Lock()
"""Threads of this process claim particles one after another."""

_Space = Mapping[str, Dimension]


class SwarmSampler(optuna.samplers.BaseSampler):
    """Samples float and integer parameters, logarithmic and stepped ones too, by a swarm.

    Each trial evaluates one particle, named in the trial's system attributes, and its result goes
    to that particle, in whatever order trials finish. The swarm is replayed from the study's
    trials: threads, processes on one storage and a restarted program continue the same swarm.
    Failed and pruned trials are failed rows. Once all particles of a generation are out, the next
    one starts when half of them are back; late results then take the place of the worst
    particles. So do the finished trials that the study had before.

    Parameters that are categorical, or not in all trials, are sampled at random, independently;
    a message in Optuna's log says so once. Where Optuna knows constraints of a trial, feasible
    ones win.

    Args:
        method: A registered optimizer.
        population_size: Particles; ``None`` is 16, or what the method recommends if that is less.
        seed: An integer >= 0; ``None`` draws one. A study that has a swarm keeps its seed.
        **settings: Further settings of the optimizer.

    Raises:
        MissingDependencyError: Optuna is not installed.
        UnknownNameError: No such optimizer or setting.
        SettingError: A setting is outside what it allows, or a study has several objectives.

    Example:
        >>> import optuna
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(sampler=SwarmSampler(seed=0))
        >>> study.optimize(lambda trial: trial.suggest_float("x", -5, 5) ** 2, n_trials=100)
        >>> study.best_value < 0.01
        True
    """

    def __init__(
        self,
        method: str = "icso",
        *,
        population_size: int | None = None,
        seed: int | None = None,
        **settings: Any,
    ) -> None:
        if "max_evaluations" in settings:
            got, fix = settings["max_evaluations"], "Give study.optimize() n_trials."
            raise SettingError(explain("max_evaluations", "none", got, fix))
        self._method, self._population_size, self._settings = method, population_size, settings
        self._seed = seed
        self._optimizer(num_dims=1, seed=0 if seed is None else seed)  # says now what is wrong
        self._independent = optuna.samplers.RandomSampler(seed=seed)
        self._intersection = optuna.search_space.IntersectionSearchSpace()
        self._announced: set[str] = set()
        self._replay: _Replay | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the swarm behind: whoever loads the sampler replays it."""
        return {**self.__dict__, "_replay": None}

    def _optimizer(self, *, num_dims: int, seed: int) -> Optimizer:
        return swarm_in_cube(
            self._method,
            num_dims=num_dims,
            seed=seed,
            population_size=self._population_size,
            settings=self._settings,
        )

    def reseed_rng(self) -> None:
        """Reseed what samples the independent parameters; the swarm's seed is the study's."""
        self._independent.reseed_rng()

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        """Return the numeric parameters that all completed trials share."""
        _refuse_several_objectives(study)
        space = self._intersection.calculate(study)
        return {
            name: distribution
            for name, distribution in space.items()
            if _is_numeric(distribution) and not distribution.single()
        }

    def sample_relative(
        self, study: Any, trial: Any, search_space: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the parameters of the particle that ``trial`` evaluates."""
        _refuse_several_objectives(study)
        space = {k: _dimension(d) for k, d in sorted(search_space.items()) if _is_numeric(d)}
        values = self._particle(study, trial, space) if space else {}
        for name in search_space.keys() - space.keys():
            values[name] = self._independent.sample_independent(
                study, trial, name, search_space[name]
            )
        return values

    def sample_independent(
        self, study: Any, trial: Any, param_name: str, param_distribution: Any
    ) -> Any:
        """Return a random value of a parameter that is no dimension of the swarm."""
        _refuse_several_objectives(study)
        if self._replay is not None and param_name not in self._announced:
            self._announced.add(param_name)
            optuna.logging.get_logger("optuna.swarmnas").warning(
                f"SwarmSampler: {param_name!r} is categorical or not in every trial: "
                "sampled at random, apart from the swarm."
            )
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def _particle(self, study: Any, trial: Any, space: _Space) -> dict[str, Any]:
        """Claim a particle for ``trial`` and return its values."""
        with _LOCK:
            trials = study.get_trials(deepcopy=False)
            identity = (self._method, self._population_size, sorted(self._settings.items()))
            name = hashlib.sha256(repr((identity, list(space.items()))).encode()).hexdigest()[:16]
            if self._replay is None or self._replay.name != name:
                self._replay = _Replay(name, space, self._optimizer)
            sign = 1.0 if study.direction == optuna.study.StudyDirection.MINIMIZE else -1.0
            note, position = self._replay.claim(trial, trials, sign, self._seed)
            # Optuna offers samplers no public way to note something for themselves.
            study._storage.set_trial_system_attr(trial._trial_id, _KEY, note)
        return {
            key: dimension.decode(unit)
            for (key, dimension), unit in zip(space.items(), position, strict=True)
        }

    def __str__(self) -> str:
        return f"SwarmSampler({self._method!r})"


class _Replay:
    """The swarm that the trials of a study tell of; whoever reads them gets the same one.

    A trial notes its particle as generation and row. The trial that opens a generation also
    notes how: which trials closed the one before, and which finished ones were let in. Of two
    that open one generation at once, the lower number counts.
    """

    def __init__(self, name: str, space: _Space, make: Callable[..., Optimizer]) -> None:
        self.name = name
        self._space, self._make = space, make
        self._openings: list[dict[str, Any]] = []
        self._optimizer: Any = None
        self._rows: Any = None

    def claim(
        self, trial: Any, trials: Sequence[Any], direction: float, seed: int | None
    ) -> tuple[dict[str, Any], Any]:
        """Return what ``trial`` is to note, and the position of its particle.

        ``direction`` is 1 where the study minimises, else -1.
        """
        mine = [(t, t.system_attrs[_KEY]) for t in trials if _KEY in t.system_attrs]
        mine = [(t, note) for t, note in mine if note["swarm"] == self.name]
        self._follow(mine, trials, direction)
        claims: dict[int, list[Any]] = {}
        for other, note in mine:
            if note["generation"] == len(self._openings) - 1 and other.number != trial.number:
                claims.setdefault(note["row"], []).append(other)
        opening = {}
        if self._complete(claims):
            if seed is None:
                seed = int(np.random.SeedSequence().generate_state(1)[0])
            opening = {"opening": self._opening(claims, mine, trials, direction, seed)}
            self._open(opening["opening"], trials, direction)
            claims = {}
        free = [row for row in range(len(self._rows)) if row not in claims]
        if free:  # processes that read the same trials choose different ones
            row = free[trial.number % len(free)]
        else:  # workers for more than half of the rows: take over what waits longest
            waiting = [row for row in claims if not _finished(claims[row])]
            row = min(waiting, key=lambda row: claims[row][-1].number)
        where = {"swarm": self.name, "generation": len(self._openings) - 1, "row": row}
        return {**where, **opening}, self._rows[row]

    def _follow(self, mine: Sequence[tuple[Any, Any]], trials: Sequence[Any], sign: float) -> None:
        """Bring the swarm to the generation that the trials are at."""
        noted: dict[int, dict[str, Any]] = {}
        for _, note in mine:
            if "opening" in note:
                noted.setdefault(note["generation"], note["opening"])
        openings = [noted[generation] for generation in sorted(noted)]
        if self._openings != openings[: len(self._openings)]:  # others were first
            self._openings, self._optimizer, self._rows = [], None, None
        for opening in openings[len(self._openings) :]:
            self._open(opening, trials, sign)

    def _complete(self, claims: Mapping[int, list[Any]]) -> bool:
        """Return whether the next generation may start."""
        if self._rows is None:
            return True
        back = sum(bool(_finished(trials)) for trials in claims.values())
        return len(claims) == len(self._rows) and 2 * back >= len(self._rows)

    def _opening(
        self,
        claims: Mapping[int, list[Any]],
        mine: Sequence[tuple[Any, Any]],
        trials: Sequence[Any],
        sign: float,
        seed: int,
    ) -> dict[str, Any]:
        """Return how the next generation starts."""
        first = [_finished(claims[row]) for row in sorted(claims)]
        closed = [found[0].number if found else None for found in first]
        used = {number for o in self._openings for number in (*o["closed"], *o["let_in"])}
        used = used.union(closed) - {None}
        known = [trials[number].params for number in used]
        since = mine[0][0].number if mine else 0
        late = [
            trial
            for trial in trials[since:]
            if trial.number not in used
            and math.isfinite(_loss(trial, sign))
            and self._space.keys() <= trial.params.keys()
            and trial.params not in known
        ]
        late.sort(key=lambda trial: (_violation(trial), _loss(trial, sign)))
        size = self._make(num_dims=len(self._space), seed=seed).population_size
        let_in = [trial.number for trial in late[:size]]
        return {"closed": closed, "let_in": let_in, **({} if mine else {"seed": seed})}

    def _open(self, opening: dict[str, Any], trials: Sequence[Any], sign: float) -> None:
        """Tell the swarm what closed its generation, let others in, ask for the next."""
        if self._optimizer is None:
            self._optimizer = self._make(num_dims=len(self._space), seed=opening["seed"])
        else:
            count = len(self._rows)
            losses, violations = np.full(count, math.nan), np.zeros(count)
            for row, number in enumerate(opening["closed"]):
                if number is not None:
                    losses[row] = _loss(trials[number], sign)
                    violations[row] = _violation(trials[number])
                    self._rows[row] = self._position(trials[number], self._rows[row])
            self._optimizer.tell(self._rows, losses, violations if violations.any() else None)
        if opening["let_in"]:
            late = [trials[number] for number in opening["let_in"]]
            middle = np.full(len(self._space), 0.5)
            rows = np.stack([self._position(trial, middle) for trial in late])
            violations = np.array([_violation(trial) for trial in late])
            losses = np.array([_loss(trial, sign) for trial in late])
            self._optimizer.inject(rows, losses, violations if violations.any() else None)
        self._rows = self._optimizer.ask()
        self._openings.append(opening)

    def _position(self, trial: Any, proposed: Any) -> Any:
        """Return where a trial was: as proposed, but for values that the caller fixed."""
        position = proposed.copy()
        for k, (name, dimension) in enumerate(self._space.items()):
            value = trial.params.get(name, dimension.decode(proposed[k]))
            if value != dimension.decode(proposed[k]):
                position[k] = dimension.encode(value)
        return position


def _finished(trials: Sequence[Any]) -> list[Any]:
    """Return the trials that are over, those with a value first."""
    over = [trial for trial in trials if trial.state.is_finished()]
    return sorted(over, key=lambda trial: trial.state != TrialState.COMPLETE)


def _loss(trial: Any, sign: float) -> float:
    """Return the loss of a trial; NaN where it failed, was pruned or is not over."""
    return sign * trial.value if trial.state == TrialState.COMPLETE else math.nan


def _violation(trial: Any) -> float:
    """Return by how much a trial violates its constraints."""
    constraints = getattr(trial, "constraints", {})  # Optuna 5
    return float(sum(max(0.0, value) for value in constraints.values()))


def _is_numeric(distribution: Any) -> bool:
    if isinstance(distribution, FloatDistribution | IntDistribution):
        return True
    if isinstance(distribution, CategoricalDistribution):
        return False
    fix = "Use suggest_float, suggest_int or suggest_categorical."
    expected = "a float, integer or categorical distribution"
    raise SettingError(explain("SwarmSampler", expected, type(distribution).__name__, fix))


def _dimension(distribution: Any) -> Dimension:
    low, high, step = distribution.low, distribution.high, distribution.step
    if step is None:
        return Dimension(low=low, high=high, log=distribution.log)
    return Dimension(
        low=low - step / 2,
        high=high + step / 2,
        log=distribution.log,
        step=step,
        origin=low,
        count=round((high - low) / step) + 1,
        integer=isinstance(distribution, IntDistribution),
    )


def _refuse_several_objectives(study: Any) -> None:
    if len(study.directions) > 1:
        fix = "Choose a sampler for several objectives, for example NSGAIISampler."
        got = f"{len(study.directions)} objectives"
        raise SettingError(explain("SwarmSampler", "a study with one objective", got, fix))
