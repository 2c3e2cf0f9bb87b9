"""Ray: its cluster as an executor."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from swarmnas.checks import require

require("ray", extra="ray", needed_by="RayExecutor")
import ray  # noqa: E402 - after the check

__all__ = ["RayExecutor"]


class RayExecutor:
    """The Ray cluster of this process as an executor: for ``minimize`` and for the bench.

    Ray runs a call again, up to ``retries`` times, when the process or machine that had it dies.

    Args:
        retries: How often a call may lose its worker.

    Example:
        ``minimize(fun, bounds, max_evaluations=1000, seed=0, executor=RayExecutor())`` after
        ``ray.init()``.
    """

    def __init__(self, *, retries: int = 2) -> None:
        self._task = ray.remote(max_retries=retries)(_call)
        self._function: Callable[..., Any] | None = None
        self._shipped: Any = None

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Start ``function(*args)`` on the cluster; return what its result will arrive in."""
        if function is not self._function:  # shipped once
            self._function, self._shipped = function, ray.put(function)
        future: Future[Any] = self._task.remote(self._shipped, *args).future()
        return future


def _call(function: Callable[..., Any], *args: Any) -> Any:
    """Ray runs functions alone; through this one also partials and objects that are callable."""
    return function(*args)
