"""What the report of a search, and the terminal, say of the candidates that it trained."""

import io
import json
import re

import pytest
from rich.console import Console
from typer.testing import CliRunner

from swarmnas.errors import DocumentError
from swarmnas.reports import write_report
from swarmnas.runs import RunDirectory
from swarmnas.search import SearchConfig, run
from swarmnas_cli.live import READINGS
from swarmnas_cli.main import app
from swarmnas_cli.screen import Screen
from tests.reports.searches import add_candidates, write_search

INF = float("inf")


def told(*paths, out=None):
    """Return what the report of runs says, a run each."""
    text = write_report(paths, out).read_text(encoding="utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])["runs"]


def rows(part):
    return [dict(zip(part["columns"], row, strict=True)) for row in part["rows"]]


def explained(path):
    result = CliRunner().invoke(app, ["explain", str(path)])
    assert result.exception is None, result.exception
    return result.output


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    config = SearchConfig(
        train_images=120, epochs=4, channels=4, batch_size=20, population_size=6, threads=1,
        candidates=6,
    )  # fmt: skip
    return run(config, out=tmp_path_factory.mktemp("search") / "run")


def test_a_search_tells_both_rounds_who_went_on_and_who_won(searched):
    (page,) = told(searched.path)
    records = RunDirectory.open(searched.path).history()
    tried = [record for record in records if record["kind"] == "candidate"]
    assert page["candidates"]["read_out"]
    assert page["candidates"]["first"] == searched.signals.genotype
    first, last = page["candidates"]["rounds"]
    assert first["title"] == "Round 1: 6 trained for 1 epoch each"
    assert last["title"] == "Round 2: 3 trained for 3 epochs each"
    for part, group in ((first, tried[:6]), (last, tried[6:])):
        group = sorted(group, key=lambda record: record["valid_loss"])
        assert [row["loss"] for row in rows(part)] == [f"{r['valid_loss']:.4f}" for r in group]
        assert [row["accuracy"] for row in rows(part)] == [
            f"{r['valid_accuracy']:.4f}" for r in group
        ]
    assert [row["outcome"] for row in rows(first)] == ["goes on"] * 3 + [""] * 3
    assert [row["outcome"] for row in rows(last)] == ["the answer", "", ""]
    changes = [row["genotype"] for row in rows(first)]
    assert changes.count("as it was read out") == 1
    assert {row["genotype"] for row in rows(last)} == set(changes[:3])
    winner = rows(last)[0]["genotype"]
    assert (winner == "as it was read out") == (page["found"]["text"] == page["genotypes"][-1])
    assert not [d for d in page["decisions"] if d["reason"].startswith("candidate")]
    assert f"{winner}; the answer" in explained(searched.path)


def test_a_change_names_operations_nodes_and_cell(tmp_path):
    path = write_search(tmp_path / "run", space="darts", epochs=6)
    add_candidates(path, [0.4, 0.3, 0.2, 0.1], longer=[0.3, 0.2, 0.1])
    (page,) = told(path)
    change = rows(page["candidates"]["rounds"][1])[0]["genotype"]
    parts = re.fullmatch(r"(normal|reduce): (\w+) instead of (\w+) from (\d) to (\d)", change)
    cell, new, _, source, target = parts.groups()
    assert [new, int(source), int(target)] in page["found"]["cells"][cell]["choices"]


def test_a_training_that_diverged_comes_last(tmp_path):
    path = write_search(tmp_path / "run", epochs=6)
    answer = add_candidates(path, [INF, 0.5, 0.4, 0.6], longer=[INF, 0.3, INF])
    (page,) = told(path)
    first, last = map(rows, page["candidates"]["rounds"])
    assert [row["loss"] for row in first] == ["0.4000", "0.5000", "0.6000", "diverged"]
    assert first[-1]["genotype"] == "as it was read out"
    assert [row["loss"] for row in last] == ["0.3000", "diverged", "diverged"]
    assert [row["outcome"] for row in last] == ["the answer", "", ""]
    assert last[0]["genotype"] == first[1]["genotype"]
    assert page["found"]["text"] == answer.to_text()


def test_what_is_granted_for_size_is_told(tmp_path):
    path = write_search(tmp_path / "run", epochs=4)
    figures = {"trained_epochs": 1, "valid_accuracy": 0.5, "kind": "candidate"}
    first = [r for r in RunDirectory.open(path).history() if r["kind"] == "epoch"][-1]["genotype"]
    for loss, score in ((1.5, 1.25), (1.75, 1.0)):
        record = {"valid_loss": loss, "score": score, "genotype": first, **figures}
        RunDirectory.open(path).append(record)
    (page,) = told(path)
    losses = [row["loss"] for row in rows(page["candidates"]["rounds"][0])]
    assert losses == ["1.7500 (less 0.7500 for its size)", "1.5000 (less 0.2500 for its size)"]


@pytest.mark.parametrize(("longer", "went_on"), [([], 0), ([0.3], 1), ([0.3, 0.2], 2)])
def test_a_search_that_broke_off_among_them_has_no_answer(tmp_path, longer, went_on):
    path = write_search(tmp_path / "run", epochs=6)
    add_candidates(path, [0.7, 0.5, 0.4, 0.6], longer=longer)
    (page,) = told(path)
    assert not page["finished"]
    parts = page["candidates"]["rounds"]
    outcomes = [row["outcome"] for part in parts for row in rows(part)]
    assert [len(part["rows"]) for part in parts] == [4, went_on][: 1 + bool(went_on)]
    assert outcomes == ["goes on"] * went_on + [""] * 4
    assert "candidates, round 1: 4 trained for 1 epoch each" in explained(path)
    assert "the answer" not in explained(path)


def test_few_candidates_are_decided_in_one_round(searched, tmp_path):
    config = SearchConfig(**RunDirectory.open(searched.path).config["search"] | {"candidates": 2})
    (page,) = told(run(config, out=tmp_path / "run").path)
    (part,) = page["candidates"]["rounds"]
    assert [row["outcome"] for row in rows(part)] == ["the answer", ""]


def test_searches_side_by_side_and_without_candidates(searched, tmp_path):
    plain = write_search(tmp_path / "plain", epochs=4)
    with_them, without = told(searched.path, plain, out=tmp_path / "both.html")
    assert len(with_them["candidates"]["rounds"]) == 2
    assert without["candidates"] is None
    assert "candidates" not in explained(plain)


def test_behind_limits_the_first_need_not_be_the_genotype_read_out(tmp_path):
    path = write_search(tmp_path / "run", epochs=6)
    add_candidates(path, [0.7, 0.5])
    config = path / "config.toml"
    config.write_text(config.read_text().replace("[search]", "[search]\nmax_flops = 9"))
    (page,) = told(path)
    assert page["candidates"]["read_out"]  # it keeps within them
    history = path / "history.jsonl"
    lines = history.read_text().splitlines(keepends=True)
    history.write_text("".join([*lines[:-2], lines[-1]]))  # it does not
    (page,) = told(path)
    assert not page["candidates"]["read_out"]
    assert rows(page["candidates"]["rounds"][0])[0]["genotype"] == "the first of them"


def test_no_text_of_a_candidate_becomes_markup(tmp_path):
    path = write_search(tmp_path / "run", epochs=4)
    config = path / "config.toml"
    config.write_text(config.read_text().replace('"nasbench201"', '"gone"'))
    bad = "</script><script>alert(1)</script>"
    record = {
        "kind": "candidate",
        "trained_epochs": 1,
        "valid_loss": 0.5,
        "valid_accuracy": 0.5,
        "score": 0.5,
    }
    for text in ("|none~0|", bad):
        RunDirectory.open(path).append({**record, "genotype": text})
    (page,) = told(path)  # of a space that nobody knows, texts are shown
    assert "alert(1)</script>" not in (path / "report.html").read_text(encoding="utf-8")
    assert rows(page["candidates"]["rounds"][0])[1]["genotype"] == bad


def test_a_malformed_candidate_is_refused_by_name(tmp_path):
    path = write_search(tmp_path / "run", epochs=4)
    record = {"kind": "candidate", "genotype": "|none~0|", "trained_epochs": 1, "valid_loss": "x"}
    RunDirectory.open(path).append({**record, "valid_accuracy": 0.5})
    with pytest.raises(DocumentError, match=r"history\.jsonl: valid_loss"):
        told(path)


def test_an_explanation_tells_the_best_of_many(tmp_path):
    path = write_search(tmp_path / "run", epochs=6)
    add_candidates(path, [1 - at / 10 for at in range(8)], longer=[0.3, 0.2, 0.4])
    output = explained(path)
    assert output.count("; goes on") == 3
    assert output.count("; the answer") == 1
    assert "loss 0.2000, accuracy 0.8333: " in output
    assert f"and 5 more: swarmnas report {path}" in output


def test_candidates_do_not_push_the_phases_off_the_screen(tmp_path):
    path = write_search(tmp_path / "run", epochs=6)
    add_candidates(path, [1 - at / 20 for at in range(12)], longer=[0.3, 0.2, 0.4])
    console = Console(file=io.StringIO(), force_terminal=True, width=200, legacy_windows=False)
    screen = Screen(console, READINGS)
    screen.on_step({"epoch": 6, "step": 0, "steps": 1, "epochs": 6, "seconds": 9, "phase": "x"})
    for record in RunDirectory.open(path).history():
        screen.on_record(record)
    console.print(screen.live.renderable)
    shown = console.file.getvalue()
    for reason in ("'warm-up' ends", "'exploration' ends", "the search stops"):
        assert reason in shown
    assert re.findall(r"candidate (\d+),", shown) == ["15"]  # the latest alone
    assert "left" not in shown  # nobody can say how long they take
