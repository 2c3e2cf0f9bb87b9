"""pymoo: a swarm as an ``Algorithm``."""

from __future__ import annotations

from typing import Any

import numpy as np

from swarmnas.checks import explain, require
from swarmnas.errors import SettingError
from swarmnas.optimizers import create, optimizers

require("pymoo", extra="pymoo", needed_by="SwarmAlgorithm")
from pymoo.core.algorithm import Algorithm  # noqa: E402 - after the check
from pymoo.core.population import Population  # noqa: E402
from pymoo.util.display.single import SingleObjectiveOutput  # noqa: E402

__all__ = ["SwarmAlgorithm"]


class SwarmAlgorithm(Algorithm):
    """One of our optimizers as an algorithm of pymoo, for one objective and a box.

    Constraints are compared by the sum of their violations: feasible beats infeasible.

    Args:
        method: A registered optimizer.
        population_size: Particles; ``None`` takes the method's recommendation.
        settings: Further settings of the optimizer.
        **pymoo: What pymoo's ``Algorithm`` takes, for example ``termination`` and ``output``.

    Raises:
        MissingDependencyError: pymoo is not installed.
        UnknownNameError: No such optimizer.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from pymoo.problems import get_problem
        >>> found = minimize(get_problem("sphere", n_var=3), SwarmAlgorithm("cso"),
        ...     ("n_evals", 3000), seed=1)
        >>> bool(found.F[0] < 1e-3)
        True
    """

    def __init__(
        self,
        method: str = "icso",
        *,
        population_size: int | None = None,
        settings: dict[str, Any] | None = None,
        **pymoo: Any,
    ) -> None:
        super().__init__(**{"output": SingleObjectiveOutput(), **pymoo})
        optimizers.load(method)
        self.method, self.population_size = method, population_size
        self.settings = dict(settings or {})

    def _setup(self, problem: Any, **_: Any) -> None:
        got = f"{problem.n_obj} objectives, {problem.n_eq_constr} equality constraints"
        if problem.n_obj != 1 or problem.n_eq_constr:
            fix = "Choose another algorithm of pymoo."
            expected = "one objective and no equality constraints"
            raise SettingError(explain("SwarmAlgorithm", expected, got, fix))
        if problem.xl is None or problem.xu is None:
            fix = "Give the problem xl and xu."
            raise SettingError(explain("SwarmAlgorithm", "bounds", "none", fix))
        self.swarm = create(
            self.method,
            bounds=(problem.xl, problem.xu),
            seed=int(self.random_state.integers(2**31)),
            population_size=self.population_size,
            **self.settings,
        )

    def _initialize_infill(self) -> Any:
        return self._infill()

    def _initialize_advance(self, infills: Any = None, **_: Any) -> None:
        self._advance(infills)

    def _infill(self) -> Any:
        return Population.new("X", self.swarm.ask())

    def _advance(self, infills: Any = None, **_: Any) -> None:
        violations = infills.get("CV").sum(axis=1)
        losses = infills.get("F")[:, 0].astype(np.float64)
        told = violations if self.problem.has_constraints() else None
        self.swarm.tell(infills.get("X").astype(np.float64), losses, told)
        # pymoo finds its optimum in ``pop``: the best so far stays there.
        self.pop = infills if self.opt is None else Population.merge(infills, self.opt)
