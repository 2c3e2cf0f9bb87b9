"""One unit of a study, from its identity to its record; what a worker process runs."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from swarmnas import problems, spaces
from swarmnas.bench import catalogue
from swarmnas.bench.objective import Objective
from swarmnas.bench.study import TABULAR, ProblemEntry, Study, Unit
from swarmnas.checks import explain, one_of
from swarmnas.errors import SettingError
from swarmnas.problems import Problem
from swarmnas.rng import generator

__all__ = ["check", "make_problem", "run_unit"]

RUN, NOISE = 0, 1
"""Paths below a unit's seed."""


def make_problem(entry: ProblemEntry, unit: Unit, seed: np.random.SeedSequence) -> Problem:
    """Return the problem of a unit; noise, if it has any, is drawn from ``seed``."""
    settings = dict(entry.settings)
    if entry.name == TABULAR:
        for setting in settings:
            one_of(f"{TABULAR} setting", setting, ("table", "column", "space"))
        for setting in ("table", "column"):
            if setting not in settings:
                fix = f'Add {setting} = "..." to the problem\'s settings.'
                raise SettingError(explain(TABULAR, f"a {setting}", "none", fix))
        return _tabular(**settings)
    make = problems.problems.load(entry.name)
    if settings.get("noise") and "noise_seed" in inspect.signature(make).parameters:
        settings.setdefault("noise_seed", int(generator(seed, NOISE).integers(2**63)))
    return problems.create(entry.name, num_dims=unit.num_dims, instance=unit.instance, **settings)


@functools.lru_cache(maxsize=4)
def _tabular(*, table: str, column: str, space: str = "nasbench201") -> Problem:
    cells = spaces.create(space)
    return problems.tabular(
        problems.Table.read(table), space=cells, adapter=spaces.Adapter(cells), column=column
    )


def run_unit(study: Mapping[str, Any], unit: Unit) -> dict[str, Any]:
    """Run a unit and return its record; an optimizer that fails gets a record that says so.

    Args:
        study: As :meth:`Study.to_mapping` returns it.
        unit: Of that study.

    Returns:
        JSON data: the unit's identity; "status", "ok" or "failed" (then "error"); "stopped", why
        the optimizer ended; what :meth:`Objective.trace` recorded; "found", what the best position
        stands for, where the problem can tell; clocks under "timing" alone.
    """
    whole = _study(_Frozen(study))
    begun = time.perf_counter()
    seed = whole.seed_of(unit)
    problem = make_problem(whole.problem(unit.problem), unit, seed)
    objective = Objective(
        problem,
        budget=whole.evaluations(unit.num_dims),
        stop_error=whole.stop_error,
        max_seconds=whole.max_seconds,
    )
    entry = whole.optimizer(unit.optimizer)
    run_seed = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, RUN))
    status: dict[str, Any] = {"status": "ok"}
    started = time.perf_counter()
    try:
        status["stopped"] = catalogue.run(
            entry.name,
            objective,
            seed=run_seed,
            population_size=entry.population_size,
            settings=entry.settings,
        )
    except Exception as error:  # whatever another's code raises is this unit's result
        text = " ".join(str(error).split())[:500]
        status = {"status": "failed", "error": f"{type(error).__name__}: {text}"}
    ended = time.perf_counter()
    found: dict[str, Any] = {}
    if problem.describe is not None and objective.best_position is not None:
        found = {"found": problem.describe(objective.best_position)}
    return {
        "kind": "unit",
        "unit": unit.key,
        **asdict(unit),
        **status,
        **objective.trace(),
        **found,
        "timing": {
            "seconds": ended - begun,
            "problem": objective.problem_seconds,
            "optimizer": ended - started - objective.problem_seconds - objective.own_seconds,
        },
    }


class _Frozen:
    """A mapping that a cache can hold, by its text."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.value = value
        self._text = repr(value)

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Frozen) and other._text == self._text


@functools.lru_cache(maxsize=2)
def _study(frozen: _Frozen) -> Study:
    return Study.from_mapping(frozen.value)


def check(study: Study) -> None:
    """Raise what is wrong with a study before any unit is run.

    Every problem is made in every size, every optimizer is made for the first problem; those of
    other packages run a moment, so that a missing package is found now.

    Raises:
        SwarmNASError: The first thing that is wrong.
    """
    units = list(study.units())
    seen: dict[tuple[str, int], Problem] = {}
    for unit in units:
        if (unit.problem, unit.num_dims) not in seen:
            seed = study.seed_of(unit)
            problem = make_problem(study.problem(unit.problem), unit, seed)
            seen[unit.problem, unit.num_dims] = problem
    first = units[0]
    for entry in study.optimizers:
        catalogue.check(
            entry.name,
            seen[first.problem, first.num_dims],
            budget=study.evaluations(first.num_dims),
            population_size=entry.population_size,
            settings=entry.settings,
        )
