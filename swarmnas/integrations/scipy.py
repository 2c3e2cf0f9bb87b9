"""SciPy: a swarm as the ``method=`` of ``scipy.optimize.minimize``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import Bounds, OptimizeResult

from swarmnas.checks import explain
from swarmnas.errors import SettingError
from swarmnas.optimizers import minimize, optimizers

__all__ = ["scipy_method"]


def scipy_method(name: str = "icso") -> Callable[..., OptimizeResult]:
    """Return a ``method=`` for ``scipy.optimize.minimize`` that runs one of our optimizers.

    ``bounds`` are needed and finite; the swarm starts with ``x0`` and draws the rest. ``options``
    are the keywords of :func:`swarmnas.minimize`, of which ``max_evaluations`` and ``seed`` are
    needed. Derivatives are not looked at; constraints are refused.

    Args:
        name: A registered optimizer.

    Raises:
        UnknownNameError: No such optimizer.

    Example:
        >>> import scipy.optimize
        >>> result = scipy.optimize.minimize(
        ...     lambda x: ((x - 1) ** 2).sum(),
        ...     x0=[3.0, 3.0],
        ...     method=scipy_method("cso"),
        ...     bounds=[(-5, 5)] * 2,
        ...     options={"max_evaluations": 2000, "seed": 0},
        ... )
        >>> result.x.round(2).tolist(), result.nfev
        ([1.0, 1.0], 2000)
    """
    optimizers.load(name)

    def method(
        fun: Callable[..., Any],
        x0: Any,
        args: tuple[Any, ...] = (),
        *,
        bounds: Any = None,
        constraints: Any = (),
        callback: Callable[..., Any] | None = None,
        jac: Any = None,
        hess: Any = None,
        hessp: Any = None,
        **options: Any,
    ) -> OptimizeResult:
        where = f"scipy.optimize.minimize, method {name}"
        if bounds is None:
            fix = "Pass bounds: the swarm starts all over the box."
            raise SettingError(explain(where, "bounds", "none", fix))
        if constraints:
            fix = "Add a penalty to fun, or tell violations to swarmnas.optimizers.create()."
            raise SettingError(explain(where, "no constraints", "some", fix))
        for needed in ("max_evaluations", "seed"):
            if needed not in options:
                fix = f"Pass options={{'max_evaluations': 1000, 'seed': 0}}; {needed} is missing."
                raise SettingError(explain(where, f"the option {needed}", "none", fix))
        start = np.atleast_2d(np.asarray(x0, dtype=np.float64))
        if isinstance(bounds, Bounds):
            bounds = Bounds(*np.broadcast_arrays(bounds.lb, bounds.ub, start[0])[:2])
        options.setdefault("initial_positions", start)

        return minimize(
            lambda x: fun(x, *args),
            bounds,
            name,
            callback=_adapted(callback),
            **options,
        )

    return method


def _adapted(callback: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """Return a callback in SciPy's old or new convention as one in the new."""
    if callback is None or "intermediate_result" in inspect.signature(callback).parameters:
        return callback
    return lambda *, intermediate_result: callback(np.copy(intermediate_result.x))
