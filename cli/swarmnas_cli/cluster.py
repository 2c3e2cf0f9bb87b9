"""Executors on clusters: the bench hands its units to them as it does to processes here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from swarmnas.bench.running import Executor
from swarmnas.checks import one_of, require

__all__ = ["CLUSTERS", "cluster"]

CLUSTERS = ("ray",)


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
        from swarmnas.integrations import RayExecutor

        yield RayExecutor()
    finally:
        if started:
            ray.shutdown()
