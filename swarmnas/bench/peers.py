"""Optimizers of other packages, each by its own defaults, under our count of evaluations.

A package is imported when its optimizer is run, never before. EvoX is GPL-3: it is imported only
because a user named one of its optimizers.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import optimize

from swarmnas.bench.objective import Objective
from swarmnas.checks import require

__all__: list[str] = []

FOREVER = 10**9
"""Iterations; the objective ends the run."""


def scipy_de(objective: Objective, *, seed: int, **settings: Any) -> None:
    """Run the differential evolution of SciPy; defaults but for the number of iterations."""
    _scipy("differential_evolution", objective, seed, settings)


def scipy_annealing(objective: Objective, *, seed: int, **settings: Any) -> None:
    """Run the dual annealing of SciPy; defaults but for the number of iterations."""
    _scipy("dual_annealing", objective, seed, settings)


def _scipy(name: str, objective: Objective, seed: int, settings: dict[str, Any]) -> None:
    function = getattr(optimize, name)
    word = "rng" if "rng" in inspect.signature(function).parameters else "seed"  # before 1.15
    box = list(zip(*objective.bounds, strict=True))
    draws = {word: np.random.default_rng(seed)}
    function(objective.one, box, **{"maxiter": FOREVER, **draws, **settings})


def pycma(objective: Objective, *, seed: int, sigma: float = 0.3, restarts: int = 0) -> None:
    """Run ``fmin2`` of pycma from a uniform start; ``sigma`` is in box widths."""
    cma = require("cma", extra="all", needed_by="pycma")
    lower, upper = objective.bounds
    rng = np.random.default_rng(seed)
    options = {
        "bounds": [lower.tolist(), upper.tolist()],
        "CMA_stds": (upper - lower).tolist(),
        "seed": seed + 1,  # 0 means the clock there
        "verbose": -9,
    }
    with _global_draws(seed):  # it seeds the global generator
        start = functools.partial(rng.uniform, lower, upper)
        cma.fmin2(objective.one, start, sigma, options, restarts=restarts)


def _pymoo(name: str, module: str, objective: Objective, seed: int, settings: Any) -> None:
    algorithm = require(f"pymoo.algorithms.soo.nonconvex.{module}", extra="peers", needed_by=name)
    core = require("pymoo.core.problem", extra="peers", needed_by=name)
    minimize = require("pymoo.optimize", extra="peers", needed_by=name).minimize

    class Wrapped(core.Problem):  # type: ignore[misc, name-defined]
        def _evaluate(self, x: Any, out: dict[str, Any], *_: Any, **__: Any) -> None:
            out["F"] = objective(np.asarray(x, dtype=np.float64))

    lower, upper = objective.bounds
    kind = getattr(algorithm, module.upper())
    problem = Wrapped(n_var=objective.num_dims, n_obj=1, xl=lower, xu=upper)
    with _global_draws(seed):  # its CMA-ES seeds the global generator
        minimize(problem, kind(**settings), ("n_gen", FOREVER), seed=seed, verbose=False)


def pymoo_pso(objective: Objective, *, seed: int, **settings: Any) -> None:
    """Run the PSO of pymoo by its defaults."""
    _pymoo("pymoo-pso", "pso", objective, seed, settings)


def pymoo_de(objective: Objective, *, seed: int, **settings: Any) -> None:
    """Run the DE of pymoo by its defaults."""
    _pymoo("pymoo-de", "de", objective, seed, settings)


def pymoo_cmaes(objective: Objective, *, seed: int, **settings: Any) -> None:
    """Run the CMA-ES of pymoo by its defaults."""
    _pymoo("pymoo-cmaes", "cmaes", objective, seed, settings)


def pyswarms_pso(
    objective: Objective,
    *,
    seed: int,
    population_size: int = 40,
    c1: float = 0.5,
    c2: float = 0.3,
    w: float = 0.9,
) -> None:
    """Run the global-best PSO of pyswarms with the coefficients of its manual."""
    with _global_draws(seed), _elsewhere():  # it draws globally and writes report.log where it is
        single = require("pyswarms.single", extra="peers", needed_by="pyswarms-pso")
        swarm = single.GlobalBestPSO(
            population_size,
            objective.num_dims,
            {"c1": c1, "c2": c2, "w": w},
            bounds=objective.bounds,
        )
        # Its history grows by the whole swarm each time: no more iterations than can be paid.
        rounds = objective.budget // population_size + 1
        swarm.optimize(objective, rounds, verbose=False)


def _optuna(name: str, sampler: str, objective: Objective, seed: int, settings: Any) -> None:
    optuna = require("optuna", extra="optuna", needed_by=name)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=getattr(optuna.samplers, sampler)(seed=seed, **settings))
    box = {
        f"x{k}": optuna.distributions.FloatDistribution(low, high)
        for k, (low, high) in enumerate(zip(*objective.bounds, strict=True))
    }
    while True:
        trial = study.ask(box)
        study.tell(trial, objective.one([trial.params[key] for key in box]))


def optuna_tpe(objective: Objective, *, seed: int, **settings: Any) -> None:
    """Run the TPE sampler of Optuna by its defaults."""
    _optuna("optuna-tpe", "TPESampler", objective, seed, settings)


def optuna_cmaes(objective: Objective, *, seed: int, **settings: Any) -> None:
    """Run the CMA-ES sampler of Optuna by its defaults."""
    _optuna("optuna-cmaes", "CmaEsSampler", objective, seed, settings)


def _evox(name: str, kind: str, objective: Objective, seed: int, population_size: int) -> None:
    algorithms = require("evox.algorithms", extra="peers", needed_by=name)
    torch = require("torch", extra="all", needed_by=name)
    lower, upper = (torch.as_tensor(bound) for bound in objective.bounds)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        default = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            swarm = getattr(algorithms, kind)(population_size, lower, upper)
            swarm.evaluate = lambda rows: torch.as_tensor(objective(rows.numpy()))
            swarm.init_step()
            while True:
                swarm.step()
        finally:
            torch.set_default_dtype(default)


def evox_pso(objective: Objective, *, seed: int, population_size: int = 100) -> None:
    """Run the PSO of EvoX by its defaults."""
    _evox("evox-pso", "PSO", objective, seed, population_size)


def evox_cso(objective: Objective, *, seed: int, population_size: int = 100) -> None:
    """Run the CSO of EvoX by its defaults."""
    _evox("evox-cso", "CSO", objective, seed, population_size)


@contextlib.contextmanager
def _global_draws(seed: int) -> Iterator[None]:
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as away:
        os.chdir(away)
        try:
            yield
        finally:
            os.chdir(here)
