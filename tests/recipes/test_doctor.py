"""What the doctor says of runs that are whole, torn, altered, mixed up or under way."""

import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from swarmnas.errors import RunError
from swarmnas.recipes.doctor import examine
from swarmnas.runs import RunDirectory
from swarmnas.spaces import create
from swarmnas_cli.main import app
from tests.small_runs import benched, searched, trained

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return searched(tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture
def run(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


def wrong(path):
    return {finding.part: finding.says for finding in examine(path).findings if not finding.healthy}


def newest(run):
    return sorted((run / "checkpoint").iterdir())[-1]


def test_a_whole_search_is_healthy(run):
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    found = examine(run)
    assert found.healthy
    assert [finding.part for finding in found.findings][:3] == [
        "config.toml", "lock", "history.jsonl",
    ]  # fmt: skip
    assert found.advice == (
        f"Continues from step 4: swarmnas search --resume {run}",
        f"What it found is whole: swarmnas train {run}",
    )
    assert {file: file.read_bytes() for file in run.rglob("*") if file.is_file()} == before


def test_an_altered_checkpoint_is_named_and_the_one_before_it_saved(run):
    file = newest(run)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert list(wrong(run)) == [f"checkpoint/{file.name}"]
    assert "checksum does not match" in wrong(run)[f"checkpoint/{file.name}"]
    assert examine(run).advice[0].startswith("Continues from step 3: ")


def test_torn_records_and_what_is_lost_with_them_are_said(run):
    history = run / "history.jsonl"
    lines = history.read_bytes().splitlines(keepends=True)
    history.write_bytes(b"".join(lines[:-2]) + lines[-2][:10])
    assert set(wrong(run)) == {"history.jsonl", "step 4"}
    assert "the last record is torn" in wrong(run)["history.jsonl"]
    assert "expected at least 9 whole records" in wrong(run)["step 4"]
    history.write_bytes(b"{\n" + b"".join(lines))
    assert set(wrong(run)) == {"history.jsonl", "step 3", "step 4"}
    assert examine(run).advice[0].startswith("No checkpoint can be used; start again: ")


def test_a_checkpoint_of_another_version_is_named(run):
    file = newest(run)
    file.write_bytes(file.read_bytes().replace(b'"version":"1"', b'"version":"7"'))
    assert "version '7', not 1" in wrong(run)[f"checkpoint/{file.name}"]


def test_genotypes_that_are_no_ones_or_another_spaces_are_said(run):
    path = run / "genotype.json"
    path.write_text(path.read_text()[:40])
    assert "syntax error" in wrong(run)["genotype.json"]
    other = create("darts").random_genotype(np.random.default_rng(0))
    path.write_text(json.dumps({"genotype": other.to_json()}))
    assert "expected a genotype of nasbench201; got one of darts" in wrong(run)["genotype.json"]


def test_a_spoiled_setting_and_a_process_at_work_are_said(run):
    config = run / "config.toml"
    config.write_text(config.read_text().replace("channels = 2", "chanels = 2"))
    assert "Did you mean 'channels'" in wrong(run)["config.toml"]
    with RunDirectory.open(run).lock():
        assert any("held by process" in finding.says for finding in examine(run).findings)


def test_a_bench_and_a_training_are_examined_alike(tmp_path):
    store = benched(tmp_path / "store")
    assert examine(store).healthy
    (record, *rest) = (store / "history.jsonl").read_text().splitlines(keepends=True)
    altered = record.replace('"evaluations": 40', '"evaluations": "many"')
    (store / "history.jsonl").write_text("".join([altered, *rest]))
    assert "record 1: evaluations" in wrong(store)["the study's units"]

    training = trained(tmp_path / "trained")
    assert examine(training).healthy
    weights = next(training.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-8])
    assert list(wrong(training)) == ["network.json"]


def test_the_command_prints_a_line_a_part_and_its_code_says_healthy(run, tmp_path):
    ended = CliRunner().invoke(app, ["doctor", str(run)])
    assert ended.exit_code == 0
    assert ended.stdout.splitlines()[1] == "ok    lock: free"
    newest(run).write_bytes(b"")
    ended = CliRunner().invoke(app, ["doctor", str(run), "--json"])
    assert ended.exit_code == 1
    assert json.loads(ended.stdout)["healthy"] is False
    RunDirectory.create(tmp_path / "alien", config={"text": "x"})
    with pytest.raises(RunError, match="got one with the settings text"):
        examine(tmp_path / "alien")
    assert isinstance(CliRunner().invoke(app, ["doctor", str(tmp_path)]).exception, RunError)
