"""One call that minimises a function, in the conventions of SciPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from scipy.optimize import Bounds, OptimizeResult

from swarmnas.checks import as_int, explain
from swarmnas.errors import SettingError, ShapeError
from swarmnas.optimizers.base import Optimizer
from swarmnas.optimizers.catalogue import create
from swarmnas.rng import Seed

__all__ = ["minimize"]


class _Future(Protocol):
    def result(self) -> Any: ...


class _Executor(Protocol):
    """What :func:`minimize` needs of an executor."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> _Future: ...


def _vectors(bounds: Any) -> tuple[Any, Any]:
    """Return ``(lower, upper)`` from SciPy's forms of bounds."""
    if isinstance(bounds, Bounds):
        return np.atleast_1d(bounds.lb), np.atleast_1d(bounds.ub)
    try:
        pairs = np.asarray(bounds, dtype=np.float64)
    except (TypeError, ValueError):
        pairs = np.empty(0)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        fix = "Pass one (min, max) pair a dimension, or scipy.optimize.Bounds."
        got = repr(bounds)[:60]
        raise ShapeError(explain("bounds", "a sequence of (min, max) pairs", got, fix))
    return pairs[:, 0], pairs[:, 1]


def _evaluator(
    fun: Callable[..., Any], vectorized: bool, executor: _Executor | None
) -> Callable[[Any], Any]:
    """Return a function from rows to losses."""
    if vectorized and executor is not None:
        fix = "Drop vectorized=True, or let fun spread its rows itself."
        raise SettingError(explain("executor", "None with vectorized=True", "an executor", fix))
    if vectorized:
        return fun
    if executor is None:
        return lambda rows: np.array([float(fun(row)) for row in rows])

    def spread(rows: Any) -> Any:
        futures = [executor.submit(fun, row) for row in rows]
        return np.array([float(future.result()) for future in futures])

    return spread


def _result(optimizer: Optimizer, message: str, *, stopped: bool) -> OptimizeResult:
    """Return the state of the search as SciPy reports it."""
    found = bool(np.isfinite(optimizer.best_loss))
    if not found:
        message = f"No evaluation succeeded. {message}"
    result = OptimizeResult()
    result.update(
        x=optimizer.recommend(),
        fun=optimizer.best_loss,
        success=found and not stopped,
        status=99 if stopped else 0 if found else 1,
        message=message,
        nfev=optimizer.evaluations,
        nit=optimizer.generation,
        population=optimizer.positions,
    )
    return result


def minimize(
    fun: Callable[..., Any],
    bounds: Any,
    method: str = "icso",
    *,
    max_evaluations: int,
    seed: Seed,
    population_size: int | None = None,
    vectorized: bool = False,
    executor: _Executor | None = None,
    callback: Callable[..., Any] | None = None,
    noisy: bool = False,
    **settings: Any,
) -> OptimizeResult:
    """Minimise a function of a vector with one of our optimizers.

    Arguments and result follow ``scipy.optimize.differential_evolution``, but for the axes of
    ``vectorized``.

    Args:
        fun: ``fun(x) -> float`` with x of shape ``(num_dims,)``; NaN marks a failed evaluation.
            Its exceptions are passed on.
        bounds: One ``(min, max)`` pair a dimension, or ``scipy.optimize.Bounds``.
        method: A registered optimizer.
        max_evaluations: The most calls of ``fun`` (rows, where vectorized).
        seed: An integer >= 0 or a ``SeedSequence``.
        population_size: Particles; ``None`` takes the method's recommendation.
        vectorized: Call ``fun(rows) -> losses`` with rows of shape ``(n, num_dims)`` (one point
            a row, as ``ask`` returns them; SciPy transposes) and losses of shape ``(n,)``.
        executor: Anything with ``concurrent.futures.Executor.submit``; gets ``fun`` once a row.
        callback: Called after every generation as ``callback(intermediate_result=result)``;
            raising ``StopIteration`` or returning ``True`` ends the search.
        noisy: Losses of one point differ between calls. ``x`` is then the recommended point and
            ``fun`` its loss in one last evaluation, which the budget includes.
        **settings: Further settings of the optimizer.

    Returns:
        ``x``, ``fun``, ``success``, ``status`` (0 done, 1 nothing succeeded, 99 stopped by the
        callback), ``message``, ``nfev``, ``nit`` (generations) and ``population``.

    Raises:
        UnknownNameError: No such method or setting.
        SettingError: A setting is outside what it allows.
        ShapeError: ``bounds`` has another form, or ``fun`` returned losses of a wrong shape.

    Example:
        >>> from swarmnas import minimize
        >>> result = minimize(
        ...     lambda x: (x**2).sum(), [(-5, 5)] * 3, "cso", max_evaluations=2000, seed=0
        ... )
        >>> result.success, bool(result.fun < 1e-3), result.nfev
        (True, True, 2000)
    """
    losses_of = _evaluator(fun, vectorized, executor)
    budget = as_int("max_evaluations", max_evaluations, low=3 if noisy else 1)
    optimizer = create(
        method,
        bounds=_vectors(bounds),
        population_size=population_size,
        seed=seed,
        max_evaluations=budget - 1 if noisy else budget,
        noisy=noisy,
        **settings,
    )
    stopped = False
    while not stopped and not (reasons := optimizer.stop_reasons()):
        rows = optimizer.ask()
        optimizer.tell(rows, losses_of(rows))
        if callback is not None:
            so_far = _result(optimizer, "In progress.", stopped=False)
            try:
                stopped = callback(intermediate_result=so_far) is True
            except StopIteration:
                stopped = True
    message = "Stopped by the callback." if stopped else f"Stopped: {', '.join(reasons)}."
    result = _result(optimizer, message, stopped=stopped)
    if noisy:
        result["fun"] = float(np.asarray(losses_of(result["x"][None]))[0])
        result["nfev"] += 1
    return result
