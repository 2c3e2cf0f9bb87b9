"""Creating, opening, recording, and what is refused."""

import errno
import json
import os
import subprocess
import sys
import tomllib

import numpy as np
import pytest

from swarmnas.errors import RunError, SettingError, SwarmNASWarning
from swarmnas.runs import RunDirectory

CONFIG = {"seed": 3, "space": "nasbench201", "phases": [{"name": "warm-up", "epochs": 2}]}


@pytest.fixture
def run(tmp_path):
    return RunDirectory.create(tmp_path / "run", config=CONFIG)


def tree(path):
    return {
        str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()
    }


def test_config_comes_back_with_the_versions(tmp_path):
    created = RunDirectory.create(tmp_path / "deep" / "run", config={**CONFIG, "table": None})
    opened = RunDirectory.open(tmp_path / "deep" / "run")
    assert created.config == opened.config == CONFIG
    assert opened.versions == created.versions
    assert opened.versions["numpy"] == np.__version__
    assert {"python", "swarmnas"} <= set(opened.versions)
    on_disk = tomllib.loads((opened.path / "config.toml").read_text())
    assert on_disk["seed"] == 3
    assert on_disk["run"]["format"] == 1


def test_an_existing_run_is_refused_and_kept(run):
    run.append({"kind": "epoch"})
    before = tree(run.path)
    with pytest.raises(RunError, match=r"got one that holds a run\. Go on with --resume"):
        RunDirectory.create(run.path, config=CONFIG)
    assert tree(run.path) == before


def test_overwrite_replaces_a_run(run):
    run.append({"kind": "epoch"})
    run.save_checkpoint(1, {}, {})
    run.write_json("genotype.json", {})
    fresh = RunDirectory.create(run.path, config={"seed": 4}, overwrite=True)
    assert fresh.config == {"seed": 4}
    assert fresh.history() == []
    assert fresh.load_checkpoint() is None
    assert sorted(os.listdir(run.path)) == [".lock", "config.toml"]


@pytest.mark.parametrize(
    "foreign",
    [
        {"photo.png": b"mine"},
        {"config.toml": b"seed = 1\n"},
        {"config.toml": b"seed = \n"},
        {"config.toml": b"[run]\nformat = 99\n"},
        {"config.toml": b"\xff\xfe"},
    ],
)
def test_overwrite_never_touches_what_is_no_run(tmp_path, foreign):
    for name, content in foreign.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RunError):
        RunDirectory.create(tmp_path, config=CONFIG, overwrite=True)
    assert tree(tmp_path) == foreign


def test_overwrite_never_removes_directories_of_others(run):
    inner = RunDirectory.create(run.path / "inner", config=CONFIG)
    before = tree(run.path)
    with pytest.raises(RunError, match="got the directory 'inner'"):
        RunDirectory.create(run.path, config=CONFIG, overwrite=True)
    assert tree(run.path) == before
    assert inner.history() == []


@pytest.mark.parametrize("name", ["checkpoint", "history.jsonl", ".lock", ".genotype.json.tmp"])
def test_a_link_in_a_run_is_refused_and_what_it_leads_to_untouched(run, tmp_path, name):
    mine = tmp_path / "elsewhere" / "step-000001.safetensors"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).symlink_to(mine.parent if name == "checkpoint" else mine)
    for settings in ({}, {"config": CONFIG, "overwrite": True}):
        start = RunDirectory.create if settings else RunDirectory.open
        with pytest.raises(RunError, match=rf"{name}: expected a file or a directory; got a link"):
            start(run.path, **settings)
    assert mine.read_bytes() == b"mine"


def test_a_link_that_comes_later_is_not_written_through(run, tmp_path):
    mine = tmp_path / "mine"
    mine.write_bytes(b"mine")
    (run.path / ".genotype.json.tmp").symlink_to(mine)
    run.write_json("genotype.json", {"a": 1})
    assert mine.read_bytes() == b"mine"
    assert json.loads((run.path / "genotype.json").read_text()) == {"a": 1}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_in_a_run_is_refused_and_not_waited_for(run):
    os.mkfifo(run.path / "history.jsonl")
    with pytest.raises(RunError, match="a pipe"):
        RunDirectory.open(run.path)


def test_overwrite_is_refused_while_the_run_is_in_use(run):
    with run.lock(), pytest.raises(RunError, match=f"in use by process {os.getpid()}"):
        RunDirectory.create(run.path, config=CONFIG, overwrite=True)
    assert RunDirectory.open(run.path).config == CONFIG


def test_half_a_create_is_taken_up(tmp_path):
    (tmp_path / ".lock").touch()
    (tmp_path / ".config.toml.tmp").write_bytes(b"seed")
    assert RunDirectory.create(tmp_path, config=CONFIG).config == CONFIG


@pytest.mark.parametrize(
    "config",
    [{"run": 1}, {"x": object()}, {"x": [1, None]}, {"x": np.ones(2)}, {1: 2}],
)
def test_config_that_is_no_toml_is_refused(tmp_path, config):
    with pytest.raises(SettingError, match="config: expected"):
        RunDirectory.create(tmp_path / "run", config=config)
    assert not (tmp_path / "run").exists()


def test_open_refuses_what_is_no_run(tmp_path):
    with pytest.raises(RunError, match="expected a run directory"):
        RunDirectory.open(tmp_path)
    with pytest.raises(RunError, match="expected a run directory"):
        RunDirectory.open(tmp_path / "absent")
    (tmp_path / "config.toml").write_text("[run]\nformat = 99\nswarmnas = '7.1'\n")
    with pytest.raises(RunError, match=r"got format 99, written by swarmnas 7\.1"):
        RunDirectory.open(tmp_path)


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match="File exists"):
        RunDirectory.create(tmp_path / "file", config=CONFIG)


def test_history_is_append_only_lines(run):
    run.append({"kind": "epoch", "loss": float("nan")})
    run.append({"kind": "decision", "reason": "Ü\n\r\u2028"})
    expected = [{"kind": "epoch", "loss": "nan"}, {"kind": "decision", "reason": "Ü\n\r\u2028"}]
    assert run.history() == expected
    lines = (run.path / "history.jsonl").read_bytes().splitlines()
    assert [json.loads(line) for line in lines] == expected


@pytest.mark.parametrize("record", [{"x": object()}, {"x": np.ones(2)}, {"x": "\ud800"}])
def test_records_that_are_no_json_are_refused(run, record):
    run.append({"n": 1})
    with pytest.raises(SettingError, match="record: expected JSON data"):
        run.append(record)
    assert run.history() == [{"n": 1}]


@pytest.mark.parametrize("tail", [b'{"n": 2', b'{"n": 2}', b"\0\0\0", b"[]\n", b"\xff\n"])
def test_a_torn_last_record_is_left_out(run, tail):
    run.append({"n": 1})
    with (run.path / "history.jsonl").open("ab") as stream:
        stream.write(tail)
    with pytest.warns(SwarmNASWarning, match="line 2: the last record is torn"):
        assert run.history() == [{"n": 1}]


def test_append_mends_a_torn_tail(run):
    run.append({"n": 1})
    with (run.path / "history.jsonl").open("ab") as stream:
        stream.write(b'{"n": ' + b"1" * 70_000)
    run.append({"n": 2})
    assert run.history() == [{"n": 1}, {"n": 2}]


def test_an_altered_record_is_an_error_that_names_the_line(run):
    (run.path / "history.jsonl").write_bytes(b'{"n": 1}\nrubbish\n{"n": 3}\n')
    with pytest.raises(RunError, match=r"history\.jsonl, line 2: expected a JSON object"):
        run.history()


def test_truncate_keeps_the_first_records(run):
    for n in range(5):
        run.append({"n": n})
    with pytest.raises(RunError, match="expected at least 6 records; got 5"):
        run.truncate(6)
    run.truncate(3)
    run.append({"n": 9})
    assert [record["n"] for record in run.history()] == [0, 1, 2, 9]
    run.truncate(0)
    assert run.history() == []


def test_write_json_is_kept_inside(run):
    path = run.write_json("genotype.json", {"loss": float("inf")})
    assert json.loads(path.read_text()) == {"loss": "inf"}
    before = tree(run.path)
    for name in [
        "../x.json",
        "a/b.json",
        "/x.json",
        "x.toml",
        ".x.json",
        "",
        "x.json\n",
        "a\0.json",
    ]:
        with pytest.raises(SettingError, match="name: expected a plain file name"):
            run.write_json(name, {})
    with pytest.raises(SettingError, match=r"genotype\.json: expected JSON data"):
        run.write_json("genotype.json", object())
    assert tree(run.path) == before


def test_lock_refuses_a_second_process_and_names_the_first(run):
    child = (
        "import sys; from swarmnas.runs import RunDirectory\n"
        "with RunDirectory.open(sys.argv[1]).lock():\n"
        "    print('locked', flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", child, str(run.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(RunError, match=f"in use by process {process.pid}"), run.lock():
            pass
        process.kill()
        process.wait()
    with run.lock(), pytest.raises(RunError, match=f"process {os.getpid()}"), run.lock():
        pass
    with run.lock():  # and free again
        run.append({"n": 1})
    assert run.history() == [{"n": 1}]


def test_a_file_system_without_locks_is_said(run, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(SwarmNASWarning, match="has no locks"), run.lock():
        run.append({"n": 1})
    assert run.history() == [{"n": 1}]


def test_nothing_is_left_open(run):
    opened = "/proc/self/fd"
    if not os.path.isdir(opened):
        pytest.skip("needs /proc")
    before = len(os.listdir(opened))
    for step in range(5):
        with run.lock():
            run.append({"n": step})
            run.save_checkpoint(step, {"w": np.ones(3)}, {})
            run.load_checkpoint()
    assert len(os.listdir(opened)) == before
