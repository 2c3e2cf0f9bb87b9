"""Minimise on a cluster of two workers, one of which kills itself; compare with one process.

Arguments: dask or ray, and a path that does not exist yet.
"""

import functools
import os
import signal
import sys
import warnings

import numpy as np

from swarmnas.optimizers import minimize

warnings.simplefilter("ignore")
SETTINGS = {"method": "cso", "max_evaluations": 120, "population_size": 12, "seed": 1}


def sphere(x):
    return float((x**2).sum())


def deadly_once(marker, x):
    if x[0] > 0:
        try:
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return sphere(x)
        os.kill(os.getpid(), signal.SIGKILL)
    return sphere(x)


def search(fun, executor=None):
    return minimize(fun, [(-5.0, 5.0)] * 3, executor=executor, **SETTINGS)


def with_dask(fun):
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        return search(fun, client.get_executor(pure=False))


def with_ray(fun):
    import ray

    from swarmnas.integrations import RayExecutor

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    return search(fun, RayExecutor())


if __name__ == "__main__":
    kind, marker = sys.argv[1:]
    found = {"dask": with_dask, "ray": with_ray}[kind](functools.partial(deadly_once, marker))
    alone = search(sphere)
    assert os.path.exists(marker), "no worker died"
    assert np.array_equal(found.x, alone.x)
    print(found.nfev)
