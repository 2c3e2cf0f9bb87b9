"""Executors on clusters: the bench hands its units to them as it does to processes here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

from swarmnas.bench.running import Executor
from swarmnas.checks import one_of, require

__all__ = ["CLUSTERS", "cluster"]

CLUSTERS = ("ray",)


class _Ray:
    """A Ray cluster as an executor."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        task = self._ray.remote(max_retries=2)(function)
        future: Future[Any] = task.remote(*args).future()
        return future


@contextlib.contextmanager
def cluster(name: str, *, jobs: int) -> Iterator[Executor]:
    """Give the executor of a cluster: the one that is configured here, or one started here.

    Args:
        name: One of :data:`CLUSTERS`.
        jobs: Processes of a cluster that is started here.

    Raises:
        UnknownNameError: No such cluster.
        MissingDependencyError: Its package is not installed.
    """
    one_of("--cluster", name, CLUSTERS)
    ray = require("ray", extra="ray", needed_by="--cluster ray")
    started = not ray.is_initialized()
    if started:
        try:
            ray.init(address="auto", log_to_driver=False)
        except ConnectionError:
            ray.init(num_cpus=jobs, include_dashboard=False, log_to_driver=False)
    try:
        yield _Ray(ray)
    finally:
        if started:
            ray.shutdown()
