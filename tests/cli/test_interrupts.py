"""Ctrl-C once ends a run after its step, twice at once; both say how to go on."""

import os
import signal

import pytest

from swarmnas import search
from swarmnas.bench import Study
from swarmnas.runs import Callback, RunDirectory
from swarmnas_cli import bench
from swarmnas_cli.interrupts import interruptible

pytest.importorskip("torch")

SETTINGS = {
    "train_images": 80, "epochs": 4, "channels": 2, "batch_size": 20, "population_size": 4,
    "threads": 1,
}  # fmt: skip


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


@pytest.mark.parametrize(("times", "epochs"), [(1, [1, 2]), (2, [1])])
def test_a_search_ends_after_the_epoch_or_now(tmp_path, capfd, times, epochs):
    config, path = search.SearchConfig.from_mapping(SETTINGS), tmp_path / "run"
    with (
        pytest.raises(SystemExit) as ended,
        interruptible("epoch", then="Continue with: swarmnas search --resume run") as stop,
    ):
        search.run(config, out=path, callbacks=[Press(times), stop])
    assert ended.value.code == 130
    told = capfd.readouterr().err.splitlines()
    assert told[1] == "Stopping after this epoch. Ctrl-C again: now."
    assert told[-1] == "Interrupted. Continue with: swarmnas search --resume run"
    run = RunDirectory.open(path)
    assert [r["epoch"] for r in run.history() if r["kind"] == "epoch"] == epochs
    assert run.load_checkpoint().step == epochs[-1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


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
