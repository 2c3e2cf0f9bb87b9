"""One call that minimises a function, in the conventions of SciPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Protocol

import numpy as np
from scipy.optimize import Bounds, OptimizeResult

from swarmnas.checks import as_int, explain
from swarmnas.errors import SettingError, ShapeError
from swarmnas.optimizers.base import Optimizer
from swarmnas.optimizers.catalogue import create
from swarmnas.optimizers.one_by_one import Candidate, OneByOne
from swarmnas.rng import Seed

__all__ = ["minimize"]


class _Executor(Protocol):
    """What :func:`minimize` needs of an executor."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]: ...


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


def _in_step(optimizer: Optimizer, losses_of: Callable[[Any], Any]) -> Iterator[None]:
    """Evaluate generation after generation; yield after each."""
    while not optimizer.stop_reasons():
        rows = optimizer.ask()
        optimizer.tell(rows, losses_of(rows))
        yield


def _out_of_step(
    optimizer: Optimizer, fun: Callable[..., Any], executor: _Executor, stragglers: int
) -> Iterator[None]:
    """Evaluate without waiting for stragglers; yield when a generation is over."""
    single = OneByOne(optimizer, stragglers=stragglers)
    running: dict[Future[Any], Candidate] = {}
    try:
        while single.fresh or running:
            generation = optimizer.generation
            while single.fresh:
                candidate = single.ask()
                running[executor.submit(fun, candidate.position)] = candidate
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                single.tell(running.pop(future), float(future.result()))
            if optimizer.generation > generation:
                yield
                if set(optimizer.stop_reasons()) - {"budget"}:
                    return
    finally:
        for future in running:
            future.cancel()


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
    stragglers: int = 0,
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
        stragglers: With an executor, the most rows that may be out when the next generation
            starts; their losses join it when they come. The order in which workers answer then
            decides the search, so it does not repeat itself.
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
    generations = (
        _out_of_step(optimizer, fun, executor, stragglers)
        if executor is not None and stragglers
        else _in_step(optimizer, losses_of)
    )
    stopped = False
    for _ in generations:
        if callback is not None:
            so_far = _result(optimizer, "In progress.", stopped=False)
            try:
                stopped = callback(intermediate_result=so_far) is True
            except StopIteration:
                stopped = True
        if stopped:
            break
    reasons = ", ".join(optimizer.stop_reasons())
    message = "Stopped by the callback." if stopped else f"Stopped: {reasons}."
    result = _result(optimizer, message, stopped=stopped)
    if noisy:
        result["fun"] = float(np.asarray(losses_of(result["x"][None]))[0])
        result["nfev"] += 1
    return result
