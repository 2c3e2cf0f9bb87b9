"""Running a study: each unit once, whatever interrupts it and whoever runs it."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from swarmnas.bench import Study, run
from swarmnas.bench.results import Results
from swarmnas.errors import MissingDependencyError, RunError, SettingError, SwarmNASError
from swarmnas.runs import RunDirectory

BASE = {
    "problems": ["sphere", "rastrigin"],
    "dims": [2],
    "optimizers": ["cso", "pso"],
    "seeds": 3,
    "budget_per_dim": 60,
}


def study(**changes):
    return Study.from_mapping({**BASE, **changes})


def rows(store):
    """Return the records by unit, without clocks."""
    records = store.history()
    assert len({r["unit"] for r in records}) == len(records)
    return {r["unit"]: {k: v for k, v in r.items() if k != "timing"} for r in records}


def test_every_unit_is_stored_once_with_what_was_asked(tmp_path):
    told = []
    store = run(study(), tmp_path / "store", progress=told.append)
    assert set(rows(store)) == {unit.key for unit in study().units()}
    assert all(r["status"] == "ok" and r["evaluations"] == 120 for r in rows(store).values())
    assert [(p.done, p.new) for p in told] == [(k, k) for k in range(13)]
    again = []
    assert rows(run(study(), tmp_path / "store", progress=again.append)) == rows(store)
    assert [(p.done, p.new) for p in again] == [(12, 0)]


def test_who_runs_it_does_not_change_a_row(tmp_path):
    alone = rows(run(study(), tmp_path / "alone"))
    assert rows(run(study(), tmp_path / "two", jobs=2)) == alone
    with ThreadPoolExecutor(2) as threads:
        assert rows(run(study(), tmp_path / "threads", executor=threads, jobs=2)) == alone


def test_ray_gives_the_same_rows(tmp_path):
    pytest.importorskip("ray")
    from swarmnas_cli.cluster import cluster

    with cluster("ray", jobs=2) as executor:
        found = rows(run(study(), tmp_path / "ray", executor=executor, jobs=2))
    assert found == rows(run(study(), tmp_path / "alone"))


def test_what_raises_is_recorded_and_not_dropped(tmp_path, monkeypatch):
    from swarmnas.problems import classic

    def broken(*, num_dims, instance):
        problem = classic.sphere(num_dims=num_dims, instance=instance)
        object.__setattr__(problem, "function", lambda rows: 1 / 0)
        return problem

    monkeypatch.setattr(classic, "rastrigin", broken)
    records = rows(run(study(), tmp_path / "store"))
    failed = [r for r in records.values() if r["status"] == "failed"]
    assert {r["problem"] for r in failed} == {"rastrigin"}
    assert len(failed) == 6
    assert failed[0]["error"].startswith("ZeroDivisionError")
    assert failed[0]["best_error"] == "inf"


CHILD = """
import sys, json
from swarmnas.bench import Study, run
from swarmnas.bench.results import Results
if __name__ == "__main__":
    study = Study.from_mapping(json.loads(sys.argv[1]))
    run(study, sys.argv[2], jobs=int(sys.argv[3]), progress=lambda p: print(p.done, flush=True))
"""


def start(tmp_path, config, jobs):
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    command = [sys.executable, str(script), json.dumps(config), str(tmp_path / "store"), str(jobs)]
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )


@pytest.mark.parametrize(
    ("kills", "jobs"),
    [
        pytest.param(2, 1, id="2 kills, 1 job"),
        pytest.param(20, 1, id="20 kills, 1 job", marks=pytest.mark.slow),
        pytest.param(10, 2, id="10 kills, 2 jobs", marks=pytest.mark.slow),
    ],
)
def test_killed_at_random_moments_and_continued(tmp_path, kills, jobs):
    config = {**BASE, "seeds": 30 * kills}
    rng = random.Random(kills)
    interrupted = 0
    for _ in range(kills):
        child = start(tmp_path, config, jobs)
        if rng.random() < 0.8:  # else while it starts
            for _ in range(rng.randint(1, 20)):
                child.stdout.readline()  # a unit more is in the store
        time.sleep(rng.uniform(0, 0.02))
        interrupted += child.poll() is None
        child.send_signal(signal.SIGKILL)
        child.communicate()
    assert interrupted == kills
    child = start(tmp_path, config, jobs)
    _, errors = child.communicate(timeout=500)
    assert child.returncode == 0, errors.decode()
    unbroken = run(Study.from_mapping(config), tmp_path / "unbroken")
    assert rows(RunDirectory.open(tmp_path / "store")) == rows(unbroken)


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="finds the workers in /proc")
def test_workers_end_with_the_process_that_was_killed(tmp_path):
    child = start(tmp_path, {**BASE, "seeds": 400, "budget_per_dim": 500}, 2)
    while child.stdout.readline() in (b"0\n", b"1\n"):
        continue
    workers = [pid for pid in os.listdir("/proc") if pid.isdigit() and _parent(pid) == child.pid]
    assert len(workers) >= 2
    child.send_signal(signal.SIGKILL)
    child.communicate()
    deadline = time.monotonic() + 30
    while any(map(_alive, workers)):
        assert time.monotonic() < deadline, "a worker outlives the study"
        time.sleep(0.1)


def _stat(pid):
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()
    except OSError:
        return ["Z", "0"]


def _parent(pid):
    return int(_stat(pid)[1])


def _alive(pid):
    return _stat(pid)[0] != "Z"


DEADLY = """
import os
def deadly(objective, *, seed):
    if objective.budget > 20:
        os._exit(3)
"""


HANGING = """
import time
from swarmnas.bench import running
running.GRACE = 20.0
def deadly(objective, *, seed):
    if objective.budget > 20:
        time.sleep(10_000)
"""


@pytest.mark.slow
def test_a_unit_that_hangs_is_ended_and_costs_itself_alone(tmp_path):
    install(tmp_path, HANGING)
    config = {**BASE, "optimizers": ["cso", "deadly"], "seeds": 1, "max_seconds": 1.0}
    child = start(tmp_path, config, 2)
    _, errors = child.communicate(timeout=500)
    assert child.returncode == 0, errors.decode()
    records = rows(RunDirectory.open(tmp_path / "store"))
    assert {r["optimizer"]: r["status"] for r in records.values()} == {
        "cso": "ok",
        "deadly": "failed",
    }
    assert {r.get("error") for r in records.values() if r["status"] == "failed"} == {
        "it did not end within 21 seconds; its process was ended"
    }


def install(tmp_path, source):
    """Put a plug-in that the bench knows as "deadly" where a child finds it."""
    (tmp_path / "deadly_swarm.py").write_text(source)
    about = tmp_path / "deadly_swarm-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: deadly-swarm\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[swarmnas.bench_optimizers]\ndeadly = deadly_swarm:deadly\n"
    )


def test_a_worker_that_dies_costs_its_unit_alone_and_plug_ins_enter(tmp_path):
    install(tmp_path, DEADLY)
    child = start(tmp_path, {**BASE, "optimizers": ["cso", "deadly"], "seeds": 1}, 2)
    _, errors = child.communicate(timeout=300)
    assert child.returncode == 0, errors.decode()
    records = rows(RunDirectory.open(tmp_path / "store"))
    assert {r["optimizer"]: r["status"] for r in records.values()} == {
        "cso": "ok",
        "deadly": "failed",
    }
    assert len(records) == 4


def test_stores_of_another_study_or_version_are_refused(tmp_path):
    path = tmp_path / "store"
    run(study(), path)
    before = (path / "history.jsonl").read_bytes()
    for changes, word in (
        ({"seeds": 4}, "seeds"),
        ({"optimizers": ["cso"]}, "optimizers"),
        ({"stop_error": 0.1}, "stop_error"),
    ):
        with pytest.raises(RunError, match=word):
            run(study(**changes), path)
    config = (path / "config.toml").read_text()
    assert "numpy" in config
    changed = config.replace("[versions]", '[versions]\nelse = "1"')
    (path / "config.toml").write_text(changed)
    with pytest.raises(RunError, match="versions, else"):
        run(study(), path)
    spoiled = "versions = true\n" + re.sub(r"\[versions\]\n(.+\n)+", "", config)
    (path / "config.toml").write_text(spoiled)
    with pytest.raises(RunError, match="versions: expected a table; got bool"):
        Results.read(path)
    assert (path / "history.jsonl").read_bytes() == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match=r"mine\.txt"):
        run(study(), tmp_path / "other")


def test_wrong_settings_and_missing_packages_are_said_before_anything_runs(tmp_path, monkeypatch):
    path = tmp_path / "store"
    with pytest.raises(SwarmNASError, match="phi"):
        run(study(optimizers=[{"name": "cso", "settings": {"fi": 0.1}}]), path)
    with pytest.raises(SwarmNASError, match="rotated"):
        run(study(problems=[{"name": "sphere", "settings": {"rotatet": True}}]), path)
    with pytest.raises(SettingError, match="tabular"):
        run(study(optimizers=["cell-evolution"]), path)
    monkeypatch.setitem(sys.modules, "pymoo", None)
    monkeypatch.setitem(sys.modules, "pymoo.algorithms.soo.nonconvex.pso", None)
    with pytest.raises(MissingDependencyError, match="pip install"):
        run(study(optimizers=["pymoo-pso"]), path)
    assert not path.exists()
