"""BBOB's 24 functions and CEC'2022's twelve, evaluated by the package ``ioh`` (extra "bbob").

References:
    Hansen et al., "Real-parameter black-box optimization benchmarking: noiseless functions
    definitions", INRIA RR-6829, 2009. de Nobel et al., "IOHexperimenter: benchmarking platform for
    iterative optimization heuristics", Evolutionary Computation, 2024, arXiv 2111.04077.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from swarmnas.checks import as_int, explain, require
from swarmnas.errors import SettingError
from swarmnas.problems.problem import Array, Problem, constant

__all__ = ["bbob", "cec2022"]

BBOB = (
    "Sphere",
    "Separable ellipsoid",
    "Separable Rastrigin",
    "Bueche-Rastrigin",
    "Linear slope",
    "Attractive sector",
    "Step ellipsoid",
    "Rosenbrock",
    "Rotated Rosenbrock",
    "Rotated ellipsoid",
    "Discus",
    "Bent cigar",
    "Sharp ridge",
    "Different powers",
    "Rotated Rastrigin",
    "Weierstrass",
    "Schaffer F7, condition 10",
    "Schaffer F7, condition 1000",
    "Griewank-Rosenbrock",
    "Schwefel",
    "Gallagher, 101 peaks",
    "Gallagher, 21 peaks",
    "Katsuura",
    "Lunacek bi-Rastrigin",
)
CEC2022 = (
    "Zakharov",
    "Rosenbrock",
    "Schaffer F7",
    "Rastrigin",
    "Levy",
    *(f"Hybrid function {k}" for k in (1, 2, 3)),
    *(f"Composition function {k}" for k in (1, 2, 3, 4)),
)


def _on_host(function: Callable[[Array], list[float]]) -> Callable[[Array], Array]:
    """Return a function of NumPy rows as one of rows of any library."""

    def evaluate(positions: Array) -> Array:
        host = positions.detach().cpu() if hasattr(positions, "detach") else positions
        losses = np.array(function(np.asarray(host, dtype=np.float64)))
        return constant(losses, positions)

    return evaluate


def _bbob(number: int) -> Callable[..., Problem]:
    def make(*, num_dims: int, instance: int = 1) -> Problem:
        as_int(f"bbob-f{number}, num_dims", num_dims, low=2)
        as_int(f"bbob-f{number}, instance", instance, low=1)
        return _from_ioh(f"bbob-f{number}", "BBOB", number, instance, num_dims)

    return make


def _cec2022(number: int) -> Callable[..., Problem]:
    def make(*, num_dims: int, instance: int = 1) -> Problem:
        for where, got, known in (("num_dims", num_dims, (10, 20)), ("instance", instance, (1,))):
            if got not in known:
                shown = " or ".join(map(str, known))
                fix = "The suite has no other."
                raise SettingError(explain(f"cec2022-f{number}, {where}", shown, got, fix))
        return _from_ioh(f"cec2022-f{number}", "CEC2022", 1000 + number, instance, num_dims)

    return make


def _from_ioh(name: str, suite: str, number: int, instance: int, num_dims: int) -> Problem:
    ioh = require("ioh", extra="bbob", needed_by=f"problem {name!r}")
    function = ioh.get_problem(number, instance, num_dims, getattr(ioh.ProblemClass, suite))
    return Problem(
        name=name,
        lower=np.array(function.bounds.lb),
        upper=np.array(function.bounds.ub),
        function=_on_host(function),
        minimiser=np.array(function.optimum.x),
        minimum=float(function.optimum.y),
    )


bbob = SimpleNamespace(**{f"f{k}": _bbob(k) for k in range(1, len(BBOB) + 1)})
cec2022 = SimpleNamespace(**{f"f{k}": _cec2022(k) for k in range(1, len(CEC2022) + 1)})
