"""What may enter a study: our optimizers, discrete baselines, and other packages' optimizers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from swarmnas import optimizers
from swarmnas.bench.objective import Finished, Objective
from swarmnas.checks import one_of, unknown_name
from swarmnas.errors import SwarmNASError, UnknownNameError
from swarmnas.problems import Problem
from swarmnas.registry import Registry
from swarmnas.rng import generator

__all__ = ["Entrant", "available", "check", "check_name", "entrants", "run"]

Entrant = Callable[..., None]
"""``entrant(objective, *, seed, **settings)`` minimises by calling ``objective`` until it raises
:class:`Finished`, or returns earlier; ``seed`` is an integer below 2**31."""

entrants = Registry[Entrant](kind="optimizer", group="swarmnas.bench_optimizers")
"""Optimizers that own their loop, by name; `swarmnas.optimizers` has those that ask and tell."""

TRIAL = 20
"""Evaluations of the run that finds out whether an entrant can run at all."""

_HERE = "swarmnas.bench"
for _name, _target, _summary in (
    ("cell-evolution", "discrete:cell_evolution", "Regularised evolution of cells, 10 sample 3."),
    ("cell-local", "discrete:cell_local_search", "Local search over cells, restarted at random."),
    ("cell-random", "discrete:cell_random_search", "Uniformly random cells, each edge drawn."),
    ("evox-cso", "peers:evox_cso", "EvoX CSO (GPL-3), population 100, phi 0."),
    ("evox-pso", "peers:evox_pso", "EvoX PSO (GPL-3), population 100, w 0.6, c 2.5 and 0.8."),
    ("optuna-cmaes", "peers:optuna_cmaes", "Optuna CmaEsSampler as it comes."),
    ("optuna-tpe", "peers:optuna_tpe", "Optuna TPESampler as it comes; slow, one by one."),
    ("pycma", "peers:pycma", "pycma fmin2, sigma 0.3 of the box, no restarts."),
    ("pymoo-cmaes", "peers:pymoo_cmaes", "pymoo CMA-ES as it comes."),
    ("pymoo-de", "peers:pymoo_de", "pymoo DE as it comes: population 100, rand/1/bin."),
    ("pymoo-pso", "peers:pymoo_pso", "pymoo PSO as it comes: population 25, adaptive."),
    ("pyswarms-pso", "peers:pyswarms_pso", "pyswarms GlobalBestPSO, 40, c 0.5 and 0.3, w 0.9."),
    ("scipy-annealing", "peers:scipy_annealing", "SciPy dual_annealing as it comes."),
    ("scipy-de", "peers:scipy_de", "SciPy differential_evolution as it comes: 15 D, polished."),
):
    entrants.add(_name, f"{_HERE}.{_target}", summary=_summary)


def available() -> dict[str, str]:
    """Return every name that may enter a study with its one-line summary.

    Example:
        >>> {"icso", "scipy-de", "cell-evolution"} <= set(available())
        True
    """
    others = {name: entry.summary for name, entry in entrants.entries().items()}
    return dict(sorted({**optimizers.available(), **others}.items()))


def check_name(name: str) -> str:
    """Return ``name`` if it may enter a study.

    Raises:
        UnknownNameError: With the nearest known name.
    """
    if ":" in name:  # a member of a family, such as nevergrad's
        optimizers.optimizers.load(name)
    elif name not in entrants and name not in optimizers.optimizers:
        raise UnknownNameError(unknown_name("optimizer", name, available()))
    return name


def run(
    name: str,
    objective: Objective,
    *,
    seed: np.random.SeedSequence,
    population_size: int | None = None,
    settings: dict[str, Any] | None = None,
) -> list[str]:
    """Run an optimizer until the objective is finished or it stops by itself.

    Returns:
        Why it stopped: the optimizer's reasons, "budget", "target" or "itself".
    """
    settings = dict(settings or {})
    if name not in entrants:
        return _ask_and_tell(name, objective, seed, population_size, settings)
    function = entrants.load(name)
    if population_size is not None:
        settings["population_size"] = population_size
    _check_settings(name, function, settings)
    try:
        function(objective, seed=int(generator(seed).integers(2**31)), **settings)
    except Finished:
        return ["budget"] if not objective.left else ["target"]
    return ["itself"]


def _check_settings(name: str, function: Entrant, settings: dict[str, Any]) -> None:
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return  # what the other package takes, it knows
    known = [p.name for p in parameters if p.name not in ("objective", "seed")]
    for setting in settings:
        one_of(f"{name} setting", setting, known)


def _ask_and_tell(
    name: str,
    objective: Objective,
    seed: np.random.SeedSequence,
    population_size: int | None,
    settings: dict[str, Any],
) -> list[str]:
    optimizer = _create(name, objective, seed, population_size, settings)
    while True:
        reasons = optimizer.stop_reasons()
        if reasons or objective.finished:
            return reasons or ["target"]
        positions = optimizer.ask()
        optimizer.tell(positions, objective(positions))
        if objective.checkpoint_passed:
            objective.note_diversity(optimizer.diversity)


def _create(
    name: str,
    objective: Objective,
    seed: np.random.SeedSequence,
    population_size: int | None,
    settings: dict[str, Any],
) -> optimizers.Optimizer:
    return optimizers.create(
        name,
        bounds=objective.bounds,
        seed=seed,
        population_size=population_size,
        max_evaluations=objective.budget,
        **{"noisy": objective.problem.noisy, **settings},
    )


def check(
    name: str,
    problem: Problem,
    *,
    budget: int,
    population_size: int | None = None,
    settings: dict[str, Any] | None = None,
) -> None:
    """Raise what would keep an optimizer from any run: a wrong setting, a missing package.

    Raises:
        SwarmNASError: What is wrong.
    """
    seed = np.random.SeedSequence(0)
    try:
        if name in entrants:
            objective = Objective(problem, budget=min(budget, TRIAL))
            run(name, objective, seed=seed, population_size=population_size, settings=settings)
        else:
            objective = Objective(problem, budget=budget)
            _create(name, objective, seed, population_size, dict(settings or {}))
    except SwarmNASError:
        raise
    except Exception:  # noqa: S110
        pass  # each run of it is recorded as a failure, with the reason
