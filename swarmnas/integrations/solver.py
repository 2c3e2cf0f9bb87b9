"""COCO and IOH: a swarm as the solver that their experiments call with each problem."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarmnas.checks import as_int, explain
from swarmnas.errors import SettingError
from swarmnas.optimizers import Optimizer, create
from swarmnas.rng import Seed, seed_sequence

__all__ = ["Solver"]


class Solver:
    """One of our optimizers as benchmark tools want it: it is called with a problem and runs.

    ``ioh.Experiment`` takes it as its algorithm; in a loop over a suite of COCO's (``cocoex``),
    call it with each problem. It stops when the budget is spent or the problem's final target is
    hit; recording is the tool's affair. It imports neither tool.

    The random numbers of a run follow from the seed, the problem, and how often this solver had
    that problem before: neither the order of problems nor the number of processes matters. COCO's
    constraints are compared by the sum of their violations: feasible beats infeasible.

    Args:
        method: A registered optimizer.
        budget_per_dim: Evaluations for each dimension of a problem.
        seed: An integer >= 0 or a ``SeedSequence``.
        population_size: Particles; ``None`` takes the method's recommendation.
        **settings: Further settings of the optimizer.

    Raises:
        UnknownNameError: No such optimizer or setting.
        SettingError: A setting is outside what it allows.

    Example:
        >>> import ioh
        >>> problem = ioh.get_problem("Sphere", 1, 3, ioh.ProblemClass.BBOB)
        >>> swarm = Solver("cso", budget_per_dim=500, seed=0)(problem)
        >>> swarm.evaluations == problem.state.evaluations <= 1500
        True
        >>> bool(problem.state.current_best.y - problem.optimum.y < 1e-3)
        True
    """

    def __init__(
        self,
        method: str = "icso",
        *,
        budget_per_dim: int,
        seed: Seed,
        population_size: int | None = None,
        **settings: Any,
    ) -> None:
        self.method = method
        self.budget_per_dim = as_int("budget_per_dim", budget_per_dim, low=1)
        self.seed = seed
        self._settings = {"population_size": population_size, **settings}
        self._runs: Counter[str] = Counter()
        create(method, bounds=([0.0], [1.0]), seed=seed, **self._settings)  # says what is wrong

    def __str__(self) -> str:
        return f"swarmnas-{self.method}"

    def __call__(self, problem: Any) -> Optimizer:
        """Run on a problem of ``ioh`` or ``cocoex``.

        Returns:
            The optimizer as it ended.

        Raises:
            SettingError: It is no such problem, or not one objective of real variables.
        """
        task = _task(problem)
        path = (*task.name.encode(), self._runs[task.name])
        self._runs[task.name] += 1
        swarm = create(
            self.method,
            bounds=(task.lower, task.upper),
            seed=seed_sequence(self.seed, *path),
            max_evaluations=self.budget_per_dim * len(task.lower),
            **self._settings,
        )
        while not (swarm.stop_reasons() or task.is_solved()):
            rows = swarm.ask()
            violations = task.violations(rows)
            swarm.tell(rows, task.losses(rows), violations)
        return swarm


@dataclass(frozen=True, kw_only=True)
class _Task:
    """What a solver needs of a problem."""

    name: str
    """Tells instances and dimensions apart."""
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    losses: Callable[[Any], Any]
    violations: Callable[[Any], Any]
    is_solved: Callable[[], bool]


def _task(problem: Any) -> _Task:
    """Return what is needed of a problem of either tool."""
    if hasattr(problem, "meta_data") and hasattr(problem, "bounds"):
        return _of_ioh(problem)
    if hasattr(problem, "number_of_objectives") and hasattr(problem, "lower_bounds"):
        return _of_coco(problem)
    fix = "Pass what ioh.get_problem() or a cocoex.Suite gives."
    got = type(problem).__name__
    raise SettingError(explain("Solver", "a problem of ioh or cocoex", got, fix))


def _of_ioh(problem: Any) -> _Task:
    about = problem.meta_data
    lower = np.asarray(problem.bounds.lb)
    if lower.dtype.kind != "f":
        _refuse(about.name, "integer variables")
    sign = -1.0 if about.optimization_type.name == "MAX" else 1.0
    return _Task(
        name=f"{about.name} {about.instance} {about.n_variables}",
        lower=lower,
        upper=np.asarray(problem.bounds.ub),
        losses=lambda rows: sign * np.array(problem(rows)),
        violations=lambda rows: None,
        is_solved=lambda: problem.state.final_target_found,
    )


def _of_coco(problem: Any) -> _Task:
    if problem.number_of_objectives > 1:
        _refuse(problem.id, f"{problem.number_of_objectives} objectives")
    if problem.number_of_integer_variables:
        _refuse(problem.id, "integer variables")

    def violations(rows: Any) -> Any:
        if not problem.number_of_constraints:
            return None
        return np.array([np.maximum(problem.constraint(row), 0.0).sum() for row in rows])

    return _Task(
        name=problem.id,
        lower=np.asarray(problem.lower_bounds),
        upper=np.asarray(problem.upper_bounds),
        losses=lambda rows: np.array([problem(row) for row in rows]),
        violations=violations,
        is_solved=lambda: bool(problem.final_target_hit),
    )


def _refuse(name: str, got: str) -> None:
    fix = "Leave it out of the experiment."
    raise SettingError(explain(f"Solver, {name}", "one objective of real variables", got, fix))
