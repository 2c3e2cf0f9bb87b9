"""Ctrl-C once ends a run after its step, twice at once; both say how to go on."""

import os
import signal
import threading
import time

import pytest

from swarmnas.bench import Study
from swarmnas.runs import Callback, RunDirectory
from swarmnas_cli import bench
from swarmnas_cli.live import watching
from tests.small_runs import searched, trained

pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _as_in_a_terminal():
    """Whatever the caller of these tests does with SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Press(Callback):
    """Ctrl-C in the first step of the second epoch, so often."""

    def __init__(self, times):
        self._times = times

    def on_step(self, progress):
        if (progress["epoch"], progress["step"]) == (2, 1):
            for _ in range(self._times):
                os.kill(os.getpid(), signal.SIGINT)


class Hang(Callback):
    """A step that never ends, and somebody who presses Ctrl-C twice."""

    def on_step(self, progress):
        for seconds in (0.1, 0.6):
            threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()
        time.sleep(300)


@pytest.mark.parametrize(("times", "epochs"), [(1, 2), (2, 1)])
@pytest.mark.parametrize(
    ("run", "command", "steps"), [(searched, "search", 1), (trained, "train", 3)]
)
def test_a_run_ends_after_the_epoch_or_now(tmp_path, capfd, run, command, steps, times, epochs):
    path = tmp_path / "run"
    with (
        pytest.raises(SystemExit) as ended,
        watching(path, quiet=True, command=command) as callbacks,
    ):
        run(path, callbacks=[Press(times), *callbacks])
    assert ended.value.code == 130
    told = capfd.readouterr().err.splitlines()
    assert told[1] == "Stopping after this epoch. Ctrl-C again: now."
    assert told[-1] == f"Interrupted. Continue with: swarmnas {command} --resume {path}"
    directory = RunDirectory.open(path)
    assert [r["epoch"] for r in directory.history() if r["kind"] == "epoch"][-1] == epochs
    assert directory.load_checkpoint().step == epochs * steps
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_step_that_hangs_is_left_by_pressing_twice(tmp_path):
    began = time.monotonic()
    with (
        pytest.raises(SystemExit) as ended,
        watching(tmp_path / "run", quiet=True) as callbacks,
    ):
        searched(tmp_path / "run", callbacks=[Hang(), *callbacks])
    assert ended.value.code == 130
    assert time.monotonic() - began < 100


def test_a_bench_ends_after_the_unit_and_continues(tmp_path, monkeypatch, capfd):
    def pressed(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        return run_unit(*arguments)

    from swarmnas.bench import running

    run_unit = running.run_unit
    study, path = tmp_path / "study.toml", tmp_path / "store"
    study.write_text(
        'problems = ["sphere"]\ndims = [2]\noptimizers = ["cso"]\nseeds = 3\nbudget = 40\n'
    )
    for done in (1, 2):
        monkeypatch.setattr(running, "run_unit", pressed)
        with pytest.raises(SystemExit) as ended:
            bench.run(study, out=path, **dict.fromkeys(
                ["suite", "problems", "dims", "optimizers", "seeds", "instances",
                 "tuning_instances", "budget_per_dim", "budget", "seed", "cluster"]
            ), jobs=1)  # fmt: skip
        assert ended.value.code == 130
        assert f"{path} holds what is done: run the same command again" in capfd.readouterr().err
        assert len(RunDirectory.open(path).history()) == done
    monkeypatch.undo()
    assert len(running.run(Study.read(study), path).history()) == 3
