"""Executors of clusters: a generation is a map; nothing is lost with a worker."""

import functools
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from swarmnas.optimizers import minimize

SCRIPTS = Path(__file__).parent / "scripts"
BOX = [(-5.0, 5.0)] * 3
EVERYWHERE = {
    "as alone": True,
    "with stragglers": [120, 120],  # the budget, and how often the function ran
    "exception passed on": True,
}
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


def used(command, folder, **environment):
    """Return how a run of scripts/clusters.py ended, and what it said last."""
    done = subprocess.run(
        [*command, folder], capture_output=True, text=True, timeout=400,
        env={**os.environ, **environment},
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines, done.stderr
    return done.returncode, json.loads(lines[-1])


@pytest.mark.parametrize(
    ("kind", "module", "killed"),
    [
        ("threads", "concurrent", {"somebody died": False}),
        ("processes", "concurrent", {"killed": "BrokenProcessPool", "somebody died": True}),
        ("dask", "distributed", {"as alone though killed": True, "somebody died": True}),
        pytest.param(
            "ray", "ray", {"as alone though killed": True, "somebody died": True},
            marks=pytest.mark.slow,
        ),
    ],
)  # fmt: skip
def test_an_executor_gives_what_one_process_gives(kind, module, killed, tmp_path):
    pytest.importorskip(module)
    code, said = used([sys.executable, SCRIPTS / "clusters.py", kind], tmp_path)
    assert code == 0
    assert said == {**EVERYWHERE, **killed}


@pytest.mark.slow
def test_mpi_gives_what_one_process_gives_and_ends_with_a_worker(tmp_path):
    pytest.importorskip("mpi4py")
    starter = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if starter is None:
        pytest.skip("there is no mpiexec")
    command = [starter, "-n", "3", sys.executable, "-m", "mpi4py.futures", SCRIPTS / "clusters.py"]
    anywhere = {  # Open MPI refuses more processes than cores, and the user of containers
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",  # 4
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",  # 5
    }
    code, said = used([*command, "mpi"], tmp_path, **anywhere)
    assert said == EVERYWHERE
    assert code != 0
    assert (tmp_path / "killed").exists()
