"""What befalls a training or a bench from outside ends it in one line, and it continues."""

import errno
import os

import pytest

from swarmnas.errors import DeviceError, RunError
from swarmnas.runs import RunDirectory
from tests.small_runs import benched, outcome, short_of_memory, trained


def retrained(path):
    """Continue a training, or begin it where there is none."""
    from swarmnas.training import resume

    return resume(path) if (path / "config.toml").exists() else trained(path)


@pytest.mark.parametrize("number", [2, 4])
@pytest.mark.parametrize(("run", "again"), [(trained, retrained), (benched, benched)])
def test_a_disk_that_fills_up_ends_a_run_and_it_continues(
    tmp_path, monkeypatch, run, again, number
):
    if run is trained:
        pytest.importorskip("torch")
    calls = []

    def full(handle, sync=os.fsync):
        calls.append(handle)
        if len(calls) >= number:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    run(tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match=r"No space left on device\. Free some space"):
            run(tmp_path / "broken")
    again(tmp_path / "broken")
    assert outcome(tmp_path / "broken") == outcome(tmp_path / "whole")


@pytest.mark.parametrize(("run", "again"), [(trained, retrained), (benched, benched)])
def test_a_second_process_is_refused(tmp_path, run, again):
    if run is trained:
        pytest.importorskip("torch")
    path = run(tmp_path / "run")
    with (
        RunDirectory.open(path).lock(),
        pytest.raises(RunError, match=f"in use by process {os.getpid()}"),
    ):
        again(path)


def test_memory_that_runs_out_in_a_training_names_the_batch_that_would_fit(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from swarmnas.networks import Network

    short_of_memory(monkeypatch, Network, most=7)
    with pytest.raises(DeviceError, match=r"got 20 images that do not\. Use batch_size 5"):
        trained(tmp_path / "run")
