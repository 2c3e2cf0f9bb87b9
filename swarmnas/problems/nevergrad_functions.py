"""nevergrad's artificial functions whose minimum is known, moved by our seeded shift.

References:
    Rapin and Teytaud, "Nevergrad: a gradient-free optimization platform", 2018.
    Differs from nevergrad's ``ArtificialFunction``: in a box, the shift is uniform over its inner
    part and drawn from the instance alone, and there are no useless dimensions.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from swarmnas.checks import as_int, require
from swarmnas.problems.problem import Array, Problem, constant, transformed
from swarmnas.rng import generator

__all__ = ["NAMES", "functions"]

NAMES = (
    "ackley",
    "altcigar",
    "altellipsoid",
    "bentcigar",
    "bucherastrigin",
    "cigar",
    "deceptivemultimodal",
    "deceptivepath",
    "discus",
    "doublelinearslope",
    "ellipsoid",
    "griewank",
    "rastrigin",
    "rosenbrock",
    "schwefel_1_2",
    "sphere",
    "stepdoublelinearslope",
    "stepellipsoid",
)
"""Their names in nevergrad; ours put "nevergrad-" before and "-" for "_"."""

HALF_WIDTH = 5.0


def _nevergrad(name: str) -> Callable[..., Problem]:
    def make(*, num_dims: int, instance: int = 1) -> Problem:
        ours = f"nevergrad-{name.replace('_', '-')}"
        as_int(f"{ours}, num_dims", num_dims, low=2)
        found = require("nevergrad.functions.corefuncs", extra="all", needed_by=f"problem {ours!r}")
        function = found.registry[name]

        def evaluate(positions: Array) -> Array:
            host = positions.detach().cpu() if hasattr(positions, "detach") else positions
            rows = np.asarray(host, dtype=np.float64)
            return constant(np.array([function(row) for row in rows]), positions)

        problem = Problem(
            name=ours,
            lower=np.full(num_dims, -HALF_WIDTH),
            upper=np.full(num_dims, HALF_WIDTH),
            function=evaluate,
            minimiser=np.full(num_dims, 1.0 if name == "rosenbrock" else 0.0),
            minimum=0.0,
        )
        if not instance:
            return problem
        reach = 0.8 * HALF_WIDTH
        draws = generator(instance, zlib.crc32(ours.encode()), num_dims)
        return transformed(problem, minimiser=draws.uniform(-reach, reach, num_dims))

    return make


functions = SimpleNamespace(**{name: _nevergrad(name) for name in NAMES})
