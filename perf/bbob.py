"""Swarms on the 24 BBOB functions: ours, those of other libraries, and pycma's CMA-ES.

The figure is log10(best loss - optimum), floored at -8, after a budget of so many evaluations a
dimension. With ``--noisy`` an optimizer sees the distance to the optimum times exp(0.3 N(0,1)),
and the figure is that of the point that it recommends, without noise.

    python perf/bbob.py run --dims 20 --instances 1-15 --out results.csv icso cso pycma
    python perf/bbob.py table results.csv
    python perf/bbob.py ablation results.csv

An algorithm is a registered name, with settings where wanted ("icso:scatter=0"), "pycma" (its
CMA-ES with restarts), or a swarm of another library ("pyswarms:GlobalBestPSO", "evox:CSO",
"pymoo:PSO", "mealpy:OriginalPSO", "nevergrad:PSO"); ``run`` without names takes all that are
installed. Needs the package ioh. A run's seed follows from its function, instance and dimension, so
it does not matter in which order or in how many processes the runs are made.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import ioh
import numpy as np
from scipy import stats

from swarmnas.optimizers import available, create

GROUPS = {
    "separable": range(1, 6),
    "moderate": range(6, 10),
    "ill-conditioned": range(10, 15),
    "multimodal": range(15, 20),
    "weak structure": range(20, 25),
}
PEERS = {
    "pyswarms": ("GlobalBestPSO", "LocalBestPSO"),
    "evox": ("PSO", "CSO", "CLPSO", "FSPSO", "DMSPSOEL", "SLPSOGS", "SLPSOUS"),
    "pymoo": ("PSO",),
    "mealpy": ("OriginalPSO", "AIW_PSO", "LDW_PSO", "HPSO_TVAC", "P_PSO", "CL_PSO"),
    "nevergrad": ("PSO",),
}
NOT_SWARMS = ("random", "de", "cma")
PEER_POPULATION = 40
BOUND = 5.0
FLOOR = 1e-8
NOISE = 0.3

Key = tuple[int, int]
"""Function and instance."""
Table = dict[str, dict[Key, float]]
"""Figures by algorithm."""
Answer = Any
"""The position to be judged under noise."""


class Spent(Exception):
    """The budget is used up."""


class Objective:
    """The distance to a function's optimum, counted; what is beyond the budget is not seen."""

    def __init__(self, function: int, instance: int, dim: int, budget: int, noisy: bool) -> None:
        self.problem = ioh.get_problem(function, instance, dim, ioh.ProblemClass.BBOB)
        self.optimum = self.problem.optimum.y
        self.dim, self.left, self.best = dim, budget, np.inf
        self.noise = np.random.default_rng([function, instance, dim]) if noisy else None

    def exact(self, rows: Any) -> Any:
        """Return the distances without counting them."""
        return np.asarray(self.problem(np.asarray(rows, dtype=np.float64))) - self.optimum

    def __call__(self, rows: Any) -> Any:
        """Return the losses of rows ``(n, dim)``, ``(n,)``."""
        if self.left <= 0:
            raise Spent
        losses = self.exact(np.clip(rows, -BOUND, BOUND))
        self.best = min(self.best, losses[: self.left].min())
        self.left -= len(losses)
        if self.noise is not None:
            losses = losses * np.exp(NOISE * self.noise.standard_normal(len(losses)))
        return losses


def run_own(name: str, objective: Objective, seed: int) -> Answer:
    """Run a registered optimizer, its settings after a colon."""
    name, _, text = name.partition(":")
    pairs = dict(item.split("=") for item in text.split(",") if item)
    return drive(name, objective, seed, {key: value_of(text) for key, text in pairs.items()})


def run_nevergrad(name: str, objective: Objective, seed: int) -> Answer:
    """Run a swarm of nevergrad by its bridge."""
    settings = {"population_size": PEER_POPULATION}
    return drive(f"nevergrad:{name}", objective, seed, settings)


def drive(name: str, objective: Objective, seed: int, settings: dict[str, Any]) -> Answer:
    """Run a registered optimizer."""
    optimizer = create(
        name,
        bounds=(np.full(objective.dim, -BOUND), np.full(objective.dim, BOUND)),
        seed=seed,
        max_evaluations=objective.left,
        noisy=objective.noise is not None,
        **settings,
    )
    while not optimizer.stop_reasons():
        rows = optimizer.ask()
        optimizer.tell(rows, objective(rows))
    return optimizer.recommend()


def value_of(text: str) -> Any:
    """Return the number, the boolean or None that a setting's text means."""
    words = {"True": True, "False": False, "None": None}
    if text in words:
        return words[text]
    return int(text) if text.isdigit() else float(text)


def run_cma(name: str, objective: Objective, seed: int) -> Answer:
    """Run pycma's CMA-ES, restarted with twice the population whenever it stops."""
    import cma

    rng, doublings, answer = np.random.default_rng(seed), 0, None
    while True:
        population = (4 + int(3 * np.log(objective.dim))) * 2**doublings
        if objective.left < population:
            return answer
        start = rng.uniform(-BOUND, BOUND, objective.dim)
        options = {
            "bounds": [-BOUND, BOUND],
            "popsize": population,
            "seed": int(rng.integers(1, 2**31)),
            "verbose": -9,
        }
        strategy = cma.CMAEvolutionStrategy(start, 2.0, options)
        while not strategy.stop() and objective.left >= population:
            rows = strategy.ask()
            strategy.tell(rows, list(objective(rows)))
        answer, doublings = strategy.result.xfavorite, doublings + 1


def run_pyswarms(name: str, objective: Objective, seed: int) -> Answer:
    """Run a swarm of pyswarms with the usual coefficients."""
    import pyswarms.single

    np.random.seed(seed)  # noqa: NPY002 - it draws from there
    swarm = getattr(pyswarms.single, name)(
        n_particles=PEER_POPULATION,
        dimensions=objective.dim,
        options={"w": 0.7298, "c1": 1.49618, "c2": 1.49618, "k": 5, "p": 2},
        bounds=(np.full(objective.dim, -BOUND), np.full(objective.dim, BOUND)),
    )
    swarm.optimize(objective, iters=objective.left, verbose=False)


def run_evox(name: str, objective: Objective, seed: int) -> Answer:
    """Run a swarm of EvoX on the CPU."""
    import evox.algorithms
    import torch
    from evox.core import Problem
    from evox.workflows import StdWorkflow

    class Wrapped(Problem):  # type: ignore[misc]
        def evaluate(self, pop: Any) -> Any:
            return torch.as_tensor(objective(pop.double().numpy()), dtype=pop.dtype)

    torch.manual_seed(seed)
    bound = torch.full((objective.dim,), BOUND)
    size = {} if name == "DMSPSOEL" else {"pop_size": PEER_POPULATION}
    workflow = StdWorkflow(getattr(evox.algorithms, name)(lb=-bound, ub=bound, **size), Wrapped())
    workflow.init_step()
    while True:
        workflow.step()


def run_pymoo(name: str, objective: Objective, seed: int) -> Answer:
    """Run the swarm of pymoo."""
    from pymoo.algorithms.soo.nonconvex.pso import PSO
    from pymoo.core.problem import Problem
    from pymoo.optimize import minimize

    class Wrapped(Problem):  # type: ignore[misc]
        def _evaluate(self, x: Any, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            out["F"] = objective(x)

    problem = Wrapped(n_var=objective.dim, n_obj=1, xl=-BOUND, xu=BOUND)
    termination = ("n_eval", 2 * objective.left)
    minimize(problem, PSO(pop_size=PEER_POPULATION), termination, seed=seed, verbose=False)


def run_mealpy(name: str, objective: Objective, seed: int) -> Answer:
    """Run a swarm of mealpy."""
    import mealpy.swarm_based.PSO
    from mealpy import FloatVar

    problem = {
        "obj_func": lambda row: float(objective(row[None])[0]),
        "bounds": FloatVar(lb=[-BOUND] * objective.dim, ub=[BOUND] * objective.dim),
        "minmax": "min",
        "log_to": None,
    }
    generations = -(-objective.left // PEER_POPULATION)
    swarm = getattr(mealpy.swarm_based.PSO, name)(epoch=generations, pop_size=PEER_POPULATION)
    swarm.solve(problem, seed=seed)


LIBRARIES: dict[str, Callable[[str, Objective, int], Answer]] = {
    "pyswarms": run_pyswarms,
    "evox": run_evox,
    "pymoo": run_pymoo,
    "mealpy": run_mealpy,
    "nevergrad": run_nevergrad,
    "pycma": run_cma,
}


@dataclass(frozen=True)
class Run:
    """One algorithm on one function."""

    algorithm: str
    function: int
    instance: int
    dim: int
    budget: int
    noisy: bool

    def figure(self) -> float:
        """Make the run and return its figure."""
        warnings.simplefilter("ignore")
        where = (self.function, self.instance, self.dim)
        objective = Objective(*where, self.budget, self.noisy)
        seed = int(np.random.SeedSequence(where).generate_state(1)[0])
        library, _, name = self.algorithm.partition(":")
        answer = None
        try:
            if library in LIBRARIES:
                answer = LIBRARIES[library](name, objective, seed)
            else:
                answer = run_own(self.algorithm, objective, seed)
        except Spent:
            pass
        error = float(objective.exact(answer[None])[0]) if self.noisy else objective.best
        return float(np.log10(max(error, FLOOR)))


def known(noisy: bool) -> list[str]:
    """Return the algorithms that are compared where none is named."""
    own = [name for name in available() if ":" not in name and name not in NOT_SWARMS]
    peers = [
        f"{library}:{name}"
        for library, names in PEERS.items()
        if importlib.util.find_spec(library) and not noisy
        for name in names
    ]
    return [*own, "pycma", *peers]


def run(arguments: argparse.Namespace) -> None:
    """Make all runs and append their figures to a file."""
    first, _, last = arguments.instances.partition("-")
    instances = range(int(first), int(last or first) + 1)
    for dim, name in product(arguments.dims, arguments.algorithms or known(arguments.noisy)):
        begin, budget = time.perf_counter(), arguments.budget * dim
        runs = [
            Run(name, function, instance, dim, budget, arguments.noisy)
            for function, instance in product(range(1, 25), instances)
        ]
        with ProcessPoolExecutor(arguments.workers) as pool:
            figures = list(pool.map(Run.figure, runs, chunksize=8))
        with arguments.out.open("a", newline="") as file:
            csv.writer(file).writerows(
                (r.noisy, r.dim, r.budget, r.algorithm, r.function, r.instance, figure)
                for r, figure in zip(runs, figures, strict=True)
            )
        seconds = time.perf_counter() - begin
        print(f"{name:32} D={dim:<3} {np.mean(figures):6.2f}  {seconds:6.1f} s", flush=True)


def read(path: Path) -> dict[str, tuple[Table, list[Key], Any]]:
    """Return by title: the figures, the runs that all algorithms made, and an array of those."""
    tables: dict[str, Table] = {}
    with path.open(newline="") as file:
        for noisy, dim, budget, name, function, instance, figure in csv.reader(file):
            title = f"D={dim}, {budget} evaluations" + (", noisy" if noisy == "True" else "")
            table = tables.setdefault(title, {})
            table.setdefault(name, {})[int(function), int(instance)] = float(figure)
    result = {}
    for title, table in tables.items():
        runs = sorted(set.intersection(*(set(figures) for figures in table.values())))
        values = np.array([[figures[key] for key in runs] for figures in table.values()])
        result[f"{title}, {len(runs)} runs each"] = (table, runs, values)
    return result


def means(runs: list[Key], values: Any) -> list[float]:
    """Return the mean of each group of functions, then that of all."""
    functions = np.array([function for function, _ in runs])
    return [values[np.isin(functions, list(g))].mean() for g in GROUPS.values()] + [values.mean()]


def head(first: str, *last: str) -> None:
    """Print the head of a table with a column for each group."""
    columns = [first, *GROUPS, "all", *last]
    print("| " + " | ".join(columns) + " |\n|---|" + "---:|" * (len(columns) - 1))


def table(arguments: argparse.Namespace) -> None:
    """Print the mean of each group of functions, of all, and the mean rank."""
    for title, (figures, runs, values) in read(arguments.file).items():
        ranks = stats.rankdata(values, axis=0).mean(axis=1)
        names = list(figures)
        print(f"\n{title}\n")
        head("algorithm", "standard error", "mean rank")
        for i in np.argsort(ranks):
            cells = [f"{mean:.2f}" for mean in means(runs, values[i])]
            error = values[i].std(ddof=1) / np.sqrt(len(runs))
            print(f"| {names[i]} | {' | '.join(cells)} | {error:.2f} | {ranks[i]:.2f} |")


def ablation(arguments: argparse.Namespace) -> None:
    """Print what each later algorithm differs from the first by, with Holm's correction."""
    for title, (figures, runs, values) in read(arguments.file).items():
        loss = values[1:] - values[0]
        p = np.array([stats.wilcoxon(row).pvalue if row.any() else 1.0 for row in loss])
        rising = np.argsort(p)
        scaled = p[rising] * np.arange(len(p), 0, -1)
        corrected = np.empty_like(p)
        corrected[rising] = np.minimum(1, np.maximum.accumulate(scaled))
        print(f"\n{title}; differences from {next(iter(figures))}, positive is worse\n")
        head("variant", "better / worse runs", "p (Holm)")
        for name, row, value in zip(list(figures)[1:], loss, corrected, strict=True):
            cells = [f"{mean:+.2f}" for mean in means(runs, row)]
            count = f"{(row < 0).sum()} / {(row > 0).sum()}"
            print(f"| {name} | {' | '.join(cells)} | {count} | {value:.1e} |")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True)
    runner = commands.add_parser("run", help="make runs and append their figures to a file")
    runner.add_argument("algorithms", nargs="*")
    runner.add_argument("--dims", type=int, nargs="+", default=[20])
    runner.add_argument("--instances", default="1-15")
    runner.add_argument("--budget", type=int, default=200, help="evaluations a dimension")
    runner.add_argument("--noisy", action="store_true")
    runner.add_argument("--workers", type=int, default=1)
    runner.add_argument("--out", type=Path, required=True)
    runner.set_defaults(call=run)
    for call in (table, ablation):
        printer = commands.add_parser(call.__name__, help=call.__doc__)
        printer.add_argument("file", type=Path)
        printer.set_defaults(call=call)
    arguments = parser.parse_args()
    arguments.call(arguments)


if __name__ == "__main__":
    main()
