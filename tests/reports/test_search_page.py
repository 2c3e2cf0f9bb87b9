"""The report of a search: what it says, of what runs, and that it needs nothing else."""

import http.client
import json
import re
from html.parser import HTMLParser

import pytest

from swarmnas import reports
from swarmnas.errors import DocumentError, RunError, SettingError
from swarmnas.runs import RunDirectory
from tests.reports.searches import write_search


@pytest.fixture
def search(tmp_path):
    """Return a maker of runs: ``search("name", stop_after=3)``."""
    return lambda name="run", **settings: write_search(tmp_path / name, **settings)


def data_of(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])


class References(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href", "srcset")]


def test_the_file_refers_to_nothing_outside_itself(search):
    text = reports.write_report([search()]).read_text(encoding="utf-8")
    references = References()
    references.feed(text)
    assert [value for value in references.found if not value.startswith("data:")] == []
    assert "default-src 'none'" in text
    assert "@import" not in text
    assert "url(" not in text


def test_a_finished_search_says_all_that_the_history_holds(search):
    path = search(epochs=10)
    (run,) = data_of(reports.write_report([path]))["runs"]
    records = RunDirectory.open(path).history()
    assert run["finished"]
    assert [stay["name"] for stay in run["phases"]] == ["warm-up", "exploration", "stability"]
    assert [d["reason"] for d in run["decisions"]] == [
        r["reason"] for r in records if r["kind"] == "decision"
    ]
    assert sum(d["switch"] for d in run["decisions"]) == 4  # the beginning, two changes, the end
    epochs = [r for r in records if r["kind"] == "epoch"]
    assert run["epochs"] == [r["epoch"] for r in epochs]
    losses = [2.0 / r["epoch"] for r in epochs]
    assert run["curves"]["train_loss"] == pytest.approx(losses, rel=1e-5)
    assert run["curves"]["valid_loss"][1] is None  # NaN has no place on a scale
    for mixing in run["mixing"]:
        assert {len(row) for row in mixing["cell"]} == {5}
        assert all(sum(row) == pytest.approx(1, abs=0.004) for row in mixing["cell"])
    assert run["found"]["text"] == json.loads((path / "genotype.json").read_text())["text"]
    assert run["repeat"]["files"]["config.toml"] == (path / "config.toml").read_text()


def test_generations_follow_one_another_within_a_stay(search):
    (run,) = data_of(reports.write_report([search(epochs=10, particles=6)]))["runs"]
    swarm = run["swarm"]
    assert [generation["fresh"] for generation in swarm] == [True] + [False] * (len(swarm) - 1)
    for generation in swarm:
        assert len(generation["points"]) == 6
        assert generation["nearest"] in range(6)
        assert generation["parents"] in ([], list(range(6)))  # all contract towards the first


@pytest.mark.parametrize("stop_after", [0, 1, 6])
def test_a_search_that_broke_off_is_drawn_as_far_as_it_came(search, stop_after):
    path = search(epochs=10, stop_after=stop_after)
    (run,) = data_of(reports.write_report([path]))["runs"]
    assert not run["finished"]
    assert len(run["epochs"]) == stop_after
    if stop_after:
        assert run["found"]["cells"]
        assert run["phases"][-1]["ended"] is None


def test_a_torn_last_line_and_records_without_traces_are_fine(search):
    path = search(epochs=10, stop_after=4)
    history = path / "history.jsonl"
    lines = [json.loads(line) for line in history.read_text().splitlines()]
    for line in lines:
        for name in ("alphas", "point", "swarm"):
            line.pop(name, None)
    history.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"kind": "epo')
    (run,) = data_of(reports.write_report([path]))["runs"]
    assert len(run["epochs"]) == 4
    assert run["cells"] == run["swarm"] == []


def test_a_divergence_is_marked_with_its_reason(search):
    path = search(epochs=10, stop_after=3)
    RunDirectory.open(path).append(
        {"kind": "divergence", "epoch": 4, "phase": "warm-up", "reason": "NaN", "stop": False}
    )
    (run,) = data_of(reports.write_report([path]))["runs"]
    assert [(d["epoch"], d["reason"]) for d in run["decisions"] if d["diverged"]] == [(3, "NaN")]


def test_no_text_of_a_run_becomes_markup(search):
    path = search(epochs=4)
    bad = "</script><script>alert(1)</script>"
    RunDirectory.open(path).write_json("table.json", {"title": bad, "rows": [{bad: 1.0}]})
    text = reports.write_report([path]).read_text(encoding="utf-8")
    assert "alert(1)</script>" not in text
    assert data_of(path / "report.html")["runs"][0]["said"][0]["title"] == bad


def test_figures_stand_before_long_genotypes(search):
    path = search(epochs=4)
    row = {"name": "found", "genotype": "|none~0|", "accuracy": 0.5}
    RunDirectory.open(path).write_json("comparison.json", {"title": "Compared", "rows": [row]})
    (said,) = data_of(reports.write_report([path]))["runs"][0]["said"]
    assert said["columns"] == ["name", "accuracy", "genotype"]
    assert said["rows"] == [["found", "0.5", "|none~0|"]]


def test_several_searches_stand_side_by_side(search, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = [search("a", epochs=6), search("b", space="darts", epochs=4)]
    page = reports.write_report(paths)
    assert page == tmp_path / "report.html"
    assert [run["name"] for run in data_of(page)["runs"]] == ["a", "b"]


def test_a_training_of_the_found_cell_is_shown_and_another_refused(search, tmp_path):
    path = search(epochs=6)
    found = json.loads((path / "genotype.json").read_text())["genotype"]

    def training(name, genotype):
        settings = {"training": {}, "protocol": {}, "genotype": {"json": json.dumps(genotype)}}
        run = RunDirectory.create(tmp_path / name, config=settings)
        run.append({"kind": "epoch", "epoch": 9, "train_loss": 0.25})
        facts = {"split": "test", "accuracy": 0.75, "loss": 1.5, "parameters": 1234}
        run.write_json("evaluation.json", facts)
        return run.path

    page = reports.write_report([path, training("trained", found)])
    assert page == path / "report.html"
    (said,) = data_of(page)["runs"][0]["said"]
    row = dict(zip(said["columns"], said["rows"][0], strict=True))
    assert row["training"] == "trained"
    assert (row["epoch"], row["test accuracy"], row["test parameters"]) == ("9", "0.75", "1,234")
    choices = found["cells"]["cell"]
    choices[0][0] = "none" if choices[0][0] != "none" else "skip_connect"
    with pytest.raises(SettingError, match="a cell that one of the searches found"):
        reports.write_report([path, training("other", found)])


def test_what_is_no_search_is_refused_in_one_line(search, tmp_path):
    other = RunDirectory.create(tmp_path / "other", config={"seed": 0})
    with pytest.raises(RunError, match="expected the run of a search"):
        reports.write_report([other.path])
    with pytest.raises(SettingError, match="at least one search"):
        reports.write_report([])
    path = search(epochs=4)
    record = {"kind": "epoch", "phase": "warm-up", "phase_epochs": 5, "epoch": 5, "alphas": 3}
    RunDirectory.open(path).append(record)
    with pytest.raises(DocumentError, match=r"history\.jsonl.*alphas"):
        reports.write_report([path])


def test_a_long_darts_search_stays_far_below_the_limit(search):
    page = reports.write_report([search(space="darts", epochs=50, particles=100)])
    assert page.stat().st_size < 8_000_000


def test_the_server_answers_with_news_and_to_nobody_else(search):
    path = search(epochs=10, stop_after=3)
    with reports.serving(path) as address:
        host = address.removeprefix("http://").rstrip("/")

        def get(target, **headers):
            connection = http.client.HTTPConnection(host, timeout=10)
            connection.request("GET", target, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            return answer.status, body

        status, body = get("/")
        assert status == 200
        assert b'"live":true' in body
        data = json.loads(get("/data.json")[1])
        assert len(data["runs"][0]["epochs"]) == 3
        assert get("/../config.toml")[0] == 404
        assert get("/", Host="evil.example")[0] == 403
    with pytest.raises(RunError, match="port"), reports.serving(path, port=70000):
        pass
