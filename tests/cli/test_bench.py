"""`swarmnas bench`: from nothing to a page, and errors as one line."""

import json

import pytest
from typer.testing import CliRunner

from swarmnas.errors import SwarmNASError
from swarmnas_cli.main import app

runner = CliRunner()
QUICK = ["--problems", "sphere,rastrigin,ackley", "--dims", "2", "--budget-per-dim", "100"]


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        return runner.invoke(app, ["bench", *words], catch_exceptions=False)

    return call


def test_from_flags_to_a_page_and_exports(invoke, tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    ran = invoke("run", *QUICK, "--optimizers", "icso,cso,pso", "--seeds", "2")
    assert ran.exit_code == 0, ran.output
    assert "18/18 units" in ran.output
    assert "bench report runs/bench-problems" in ran.output
    reported = invoke("report", "runs/bench-problems", "--against", "icso", "--latex")
    assert "Friedman" in reported.output
    folder = tmp_path / "runs" / "bench-problems-report"
    assert (folder / "report.html").stat().st_size > 10_000
    assert (folder / "errors.tex").read_text().startswith(r"\begin{tabular}")
    assert (folder / "convergence-D2.svg").exists()
    exported = invoke("export", "runs/bench-problems", "ioh", "--format", "iohanalyzer")
    assert exported.output.split() == ["ioh/icso", "ioh/cso", "ioh/pso"]
    assert json.loads((tmp_path / "ioh/cso/IOHprofiler_f1_sphere.json").read_text())["scenarios"]


def test_a_study_file_and_continuing(invoke, tmp_path):
    (tmp_path / "mine.toml").write_text(
        'problems = ["sphere"]\ndims = [2]\noptimizers = ["cso"]\nseeds = 3\nbudget = 50\n'
    )
    assert "3/3 units" in invoke("run", "mine.toml").output
    again = invoke("run", "mine.toml")
    assert again.output.startswith("3/3 units")
    history = tmp_path / "runs" / "bench-mine" / "history.jsonl"
    assert len(history.read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run"], "--optimizers and --suite"),
        (["run", "--suite", "bbbob", "--optimizers", "cso"], "Did you mean 'bbob'"),
        (["run", "--suite", "classic", "--optimizers", "csoo"], "Did you mean 'cso'"),
        (["run", "absent.toml"], "absent.toml"),
        (["run", "absent.toml", "--seeds", "3"], "--seeds"),
        (["run", *QUICK, "--optimizers", "cso", "--dims", "two"], "--dims"),
        (["run", *QUICK, "--optimizers", "cso", "--cluster", "ry"], "Did you mean 'ray'"),
        (["report", "absent"], "absent"),
        (["export", "absent", "out", "--format", "cocoo"], "Did you mean 'coco'"),
    ],
)
def test_what_is_wrong_is_one_line_with_the_nearest_name(invoke, words, said):
    with pytest.raises(SwarmNASError) as found:
        invoke(*words)
    assert said in str(found.value)


def test_lists(invoke):
    assert "scipy-de" in invoke("optimizers").output
    listed = runner.invoke(app, ["list", "problems", "--json"])
    assert {"sphere", "bbob-f24", "cec2022-f1"} <= {
        row["name"] for row in json.loads(listed.output)
    }
