"""Minimise on the workers of an executor and say as JSON how it went.

Arguments: the kind of executor, and a folder for marks that processes leave each other.
"""

import functools
import json
import os
import signal
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from swarmnas.optimizers import minimize

warnings.simplefilter("ignore")
SETTINGS = {"method": "cso", "max_evaluations": 120, "population_size": 12, "seed": 1}
WRONG = ValueError("no loss for this row")
KINDS = {}


def kind(function):
    """Add an executor with two workers."""
    KINDS[function.__name__] = contextmanager(function)


@kind
def threads():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        yield pool


@kind
def processes():
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(2) as pool:
        yield pool


@kind
def dask():
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client.get_executor(pure=False)


@kind
def ray():
    import ray

    from swarmnas.integrations import RayExecutor

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield RayExecutor()
    ray.shutdown()


@kind
def mpi():
    from mpi4py.futures import MPIPoolExecutor

    with MPIPoolExecutor() as pool:
        yield pool


def first(mark):
    """Return whether nobody else was here before."""
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def sphere(x):
    return float((x**2).sum())


def broken(x):
    raise WRONG


def noted(folder, x):
    os.close(tempfile.mkstemp(prefix="ran", dir=folder)[0])
    return sphere(x)


def slow_once(folder, x):
    """Hold one evaluation up until many others are over."""
    if first(folder / "slow"):
        time.sleep(0.5)
    return noted(folder, x)


def deadly_once(mark, x):
    if x[0] > 0 and first(mark):
        os.kill(os.getpid(), signal.SIGKILL)
    return sphere(x)


def search(fun, executor=None, **given):
    return minimize(fun, [(-5.0, 5.0)] * 3, executor=executor, **SETTINGS, **given)


def caught(fun, executor):
    """Return what a search raises."""
    try:
        search(fun, executor)
    except Exception as error:
        return error
    return None


def main(name, folder):
    """Use one executor in every way."""
    marks = folder / "marks"
    marks.mkdir()
    alone = search(sphere)

    def as_alone(found):
        return np.array_equal(found.x, alone.x) and found.nfev == alone.nfev

    with KINDS[name]() as executor:
        said = {"as alone": as_alone(search(sphere, executor))}
        late = search(functools.partial(slow_once, marks), executor, stragglers=1)
        said["with stragglers"] = [late.nfev, len(list(marks.glob("ran*")))]
        error = caught(broken, executor)
        said["exception passed on"] = isinstance(error, ValueError) and str(WRONG) in str(error)
        deadly = functools.partial(deadly_once, folder / "killed")
        if name in ("dask", "ray"):
            said["as alone though killed"] = as_alone(search(deadly, executor))
        elif name in ("processes", "mpi"):
            print(json.dumps(said), flush=True)  # MPI ends the job
            said["killed"] = type(caught(deadly, executor)).__name__
        said["somebody died"] = (folder / "killed").exists()
    print(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
