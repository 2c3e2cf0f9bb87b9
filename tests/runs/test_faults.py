"""Kills, full disks, read-only directories, hostile files."""

import contextlib
import errno
import os
import random
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnas.errors import RunError, SwarmNASError, SwarmNASWarning
from swarmnas.runs import RunDirectory

WRITER = """
import sys
import numpy as np
from swarmnas.runs import RunDirectory
run = RunDirectory.open(sys.argv[1])
with run.lock():
    last = run.load_checkpoint()
    step = last.step if last else 0
    run.truncate(step)
    while True:
        step += 1
        run.append({"step": step, "text": "x" * 1000})
        run.save_checkpoint(step, {"w": np.full(50_000, step)}, {"a": np.arange(step)})
        print(step, flush=True)
"""


def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path):
    run = RunDirectory.create(tmp_path / "run", config={"seed": 0})
    moments = random.Random(0)
    told = 0
    for _ in range(25):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(run.path)], stdout=subprocess.PIPE
        ) as process:
            process.stdout.readline()  # it works; from here on any moment will do
            time.sleep(moments.uniform(0, 0.03))
            process.kill()
            rest = process.stdout.read()
        told = max([told, *(int(line) for line in rest.splitlines(keepends=True) if b"\n" in line)])
        with warnings.catch_warnings():
            warnings.simplefilter("error", SwarmNASWarning)
            loaded = run.load_checkpoint()
        assert loaded.step >= told
        np.testing.assert_array_equal(loaded.arrays["w"], np.full(50_000, loaded.step))
        np.testing.assert_array_equal(loaded.state["a"], np.arange(loaded.step))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SwarmNASWarning)  # the last record may be torn
            records = run.history()
        assert [record["step"] for record in records[: loaded.step]] == [*range(1, loaded.step + 1)]
        assert len(records) <= loaded.step + 1
        told = loaded.step
    assert told >= 25


@contextlib.contextmanager
def full_disk(num_bytes):
    """Let no file grow beyond ``num_bytes``: the system itself cuts the write short."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def contents(path):
    return {
        file: file.read_bytes()
        for file in path.rglob("*")
        if file.is_file() and file.name != ".lock"
    }


@pytest.mark.parametrize("room", [0, 40, 60, 1000])
def test_a_full_disk_leaves_everything_as_it_was(tmp_path, room):
    run = RunDirectory.create(tmp_path / "run", config={"seed": 0})
    run.append({"n": 1, "text": "x" * 30})
    run.write_json("genotype.json", {"n": 1})
    run.save_checkpoint(1, {"w": np.ones(1000)}, {})
    before = contents(run.path)
    long = "x" * 2000
    for write in (
        lambda: run.append({"n": 2, "text": long}),
        lambda: run.save_checkpoint(2, {"w": np.ones(1000)}, {}),
        lambda: run.write_json("genotype.json", {"text": long}),
        lambda: RunDirectory.create(run.path / "other", config={"text": long}),
    ):
        with full_disk(room), pytest.raises(RunError, match="too large"):
            write()
        assert contents(run.path) == before
    run.append({"n": 2})
    run.save_checkpoint(2, {"w": np.ones(1000)}, {})
    assert [record["n"] for record in run.history()] == [1, 2]
    assert run.load_checkpoint().step == 2


def test_a_disk_that_is_full_only_when_flushed_leaves_everything_as_it_was(tmp_path, monkeypatch):
    run = RunDirectory.create(tmp_path / "run", config={"seed": 0})
    run.append({"n": 1})
    run.save_checkpoint(1, {}, {})
    before = contents(run.path)

    def refuse(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        for write in (
            lambda: run.append({"n": 2}),
            lambda: run.truncate(0),
            lambda: run.save_checkpoint(2, {}, {}),
            lambda: RunDirectory.create(tmp_path / "other", config={}),
        ):
            with pytest.raises(RunError, match=r"No space left on device\. Free some space"):
                write()
            assert contents(run.path) == before
    assert RunDirectory.create(tmp_path / "other", config={}).history() == []


@contextlib.contextmanager
def read_only(path):
    modes = {place: place.stat().st_mode for place in [path, *path.rglob("*")]}
    for place in modes:
        place.chmod(0o555 if place.is_dir() else 0o444)
    try:
        yield
    finally:
        for place, mode in modes.items():
            place.chmod(mode)


def test_a_read_only_directory_is_said(tmp_path):
    run = RunDirectory.create(tmp_path / "run", config={"seed": 0})
    run.append({"n": 1})
    run.save_checkpoint(1, {}, {})
    with read_only(tmp_path):
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write everywhere")
        for write in (
            lambda: run.append({}),
            lambda: run.truncate(0),
            lambda: run.save_checkpoint(2, {}, {}),
            lambda: run.write_json("x.json", {}),
            lambda: run.lock().__enter__(),
            lambda: RunDirectory.create(tmp_path / "other", config={}),
        ):
            with pytest.raises(RunError, match="Permission denied"):
                write()
        assert run.load_checkpoint().step == 1
        assert run.history() == [{"n": 1}]


def test_a_read_only_file_system_is_said(tmp_path, monkeypatch):
    """The same for users who may write everywhere: the system's answer is put in its mouth."""
    run = RunDirectory.create(tmp_path / "run", config={"seed": 0})

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        for write in (
            lambda: run.truncate(0),
            lambda: run.save_checkpoint(2, {}, {}),
            lambda: run.write_json("x.json", {}),
            lambda: RunDirectory.create(tmp_path / "other", config={}),
        ):
            with pytest.raises(RunError, match="Read-only file system"):
                write()
        patch.setattr(os, "open", refuse)
        with pytest.raises(RunError, match="Read-only file system"), run.lock():
            pass
    assert run.load_checkpoint() is None
    assert not (run.path / "x.json").exists()


@pytest.fixture(scope="module")
def victim(tmp_path_factory):
    run = RunDirectory.create(tmp_path_factory.mktemp("hostile") / "run", config={"seed": 0})
    run.append({"n": 1})
    run.save_checkpoint(1, {"w": np.arange(3)}, {"x": [1, np.ones(2)]})
    return run


def mutations(data):
    """Rubbish, or a real file with a few bytes overwritten, cut, or put in."""
    edit = st.tuples(
        st.integers(0, len(data)), st.integers(0, 8), st.binary(max_size=8) | st.just(b"[" * 3000)
    )

    def apply(edits):
        changed = data
        for at, drop, put in edits:
            changed = changed[:at] + put + changed[at + drop :]
        return changed

    return st.binary(max_size=200) | st.lists(edit, min_size=1, max_size=3).map(apply)


def read_quietly(read):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", SwarmNASWarning)
        with contextlib.suppress(SwarmNASError):
            return read()
    return None


@given(st.data())
def test_hostile_histories_give_only_our_errors(victim, data):
    path = victim.path / "history.jsonl"
    path.write_bytes(data.draw(mutations(b'{"kind": "epoch", "n": [1, 2.5, null]}\n' * 2)))
    records = read_quietly(victim.history)
    assert records is None or all(isinstance(record, dict) for record in records)


@given(st.data())
def test_hostile_configs_give_only_our_errors(victim, data):
    home = victim.path.parent / "config"
    home.mkdir(exist_ok=True)
    whole = (victim.path / "config.toml").read_bytes()
    (home / "config.toml").write_bytes(data.draw(mutations(whole)))
    opened = read_quietly(lambda: RunDirectory.open(home))
    assert opened is None or isinstance(opened.config, dict)


@given(st.data())
def test_hostile_checkpoints_give_only_our_errors(victim, data):
    whole = (victim.path / "checkpoint" / "step-000001.safetensors").read_bytes()
    hostile = victim.path / "checkpoint" / "step-000002.safetensors"
    changed = data.draw(mutations(whole))
    hostile.write_bytes(changed)
    loaded = read_quietly(victim.load_checkpoint)
    hostile.unlink()
    if changed != whole:
        assert loaded.step == 1
    np.testing.assert_array_equal(loaded.arrays["w"], np.arange(3))


def _resigned(state, weights):
    """Return a checkpoint whose checksum is right and whose state is hostile."""
    import json

    from safetensors.numpy import save

    from swarmnas.runs import checkpoint

    tensors = {"arrays/w": weights}
    metadata = {
        "format": checkpoint.FORMAT,
        "version": str(checkpoint.VERSION),
        "step": "1",
        "state": state if isinstance(state, str) else json.dumps(state),
    }
    metadata["sha256"] = checkpoint.digest(1, metadata["state"], tensors)
    return save(tensors, metadata)


@pytest.mark.parametrize(
    "state",
    [
        [],
        {"x": {"$array": "arrays/absent"}},
        {"x": {"$array": ["arrays/w"]}},
        '{"x": ' + "[" * 500 + "]" * 500 + "}",
        '{"x": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"x": ' + "9" * 5000 + "}",
        "not json",
    ],
)
def test_a_hostile_state_with_a_right_checksum_gives_only_our_errors(tmp_path, state):
    run = RunDirectory.create(tmp_path / "run", config={})
    (run.path / "checkpoint").mkdir()
    (run.path / "checkpoint" / "step-000001.safetensors").write_bytes(_resigned(state, np.ones(2)))
    loaded = read_quietly(lambda: run.load_checkpoint(1))
    assert loaded is None or set(loaded.state) == {"x"}
