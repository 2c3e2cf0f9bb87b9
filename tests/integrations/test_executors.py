"""Executors of clusters: a generation is a map; nothing is lost with a worker."""

import functools
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from swarmnas.optimizers import minimize

SCRIPTS = Path(__file__).parent / "scripts"
BOX = [(-5.0, 5.0)] * 3
SETTINGS = {"method": "cso", "max_evaluations": 120, "population_size": 12, "seed": 1}


def sphere(x):
    return float((x**2).sum())


def slow_once(marker, x):
    """Hold one evaluation up until many others are over."""
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return sphere(x)
    time.sleep(0.5)
    return sphere(x)


def alone():
    return minimize(sphere, BOX, **SETTINGS)


def same(first, second):
    return np.array_equal(first.x, second.x) and first.nfev == second.nfev


def test_threads_give_what_one_gives():
    with ThreadPoolExecutor(2) as pool:
        assert same(minimize(sphere, BOX, executor=pool, **SETTINGS), alone())


def test_a_straggler_holds_nobody_up_and_is_counted(tmp_path):
    seen = []
    fun = functools.partial(slow_once, str(tmp_path / "marker"))
    with ThreadPoolExecutor(3) as pool:
        result = minimize(
            lambda x: seen.append(fun(x)) or seen[-1], BOX, executor=pool, stragglers=2, **SETTINGS
        )
    assert result.nfev == len(seen) == 120
    assert result.fun == min(seen)
    assert result.fun < 1


def test_stragglers_stop_by_callback():
    with ThreadPoolExecutor(2) as pool:
        result = minimize(
            sphere, BOX, executor=pool, stragglers=1, callback=lambda intermediate_result: True,
            **SETTINGS,
        )  # fmt: skip
    assert result.status == 99
    assert result.nit == 1


@pytest.mark.parametrize(
    ("kind", "module"),
    [("dask", "distributed"), pytest.param("ray", "ray", marks=pytest.mark.slow)],
)
def test_a_cluster_gives_what_one_gives_though_a_worker_is_killed(kind, module, tmp_path):
    pytest.importorskip(module)
    command = [sys.executable, SCRIPTS / "kill_a_worker.py", kind, tmp_path / "marker"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "120"  # the budget, each evaluation counted once
