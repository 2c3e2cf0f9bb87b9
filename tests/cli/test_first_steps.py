"""init, the bare search, report, watch and the live view, as a user meets them."""

import io
import json
import re
import threading
import time
import tomllib
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from swarmnas.errors import SwarmNASError
from swarmnas.runs import RunDirectory
from swarmnas.search import SearchConfig, read_config
from swarmnas_cli import main as cli
from swarmnas_cli import search, watch
from swarmnas_cli.live import READINGS
from swarmnas_cli.screen import Screen, sparkline
from tests.reports.searches import write_search

RUNNER = CliRunner()


def invoke(*words, **options):
    return RUNNER.invoke(cli.app, [str(word) for word in words], **options)


def test_init_writes_every_setting_with_its_description(tmp_path):
    path = tmp_path / "mine.toml"
    told = invoke("init", path, "--preset", "digits", "--dataset", "photos").output
    assert told.endswith(f"Next: swarmnas search --config {path}\n")
    text = path.read_text(encoding="utf-8")
    assert tomllib.loads(text) == read_config(path)
    assert read_config(path)["dataset"] == "photos"
    for name, field in SearchConfig.model_fields.items():
        assert re.search(rf"^(# )?{name} =", text, re.M), name
        assert str(field.description)[:40] in text, name
    uncommented = re.sub(r"^# (\w+ = .*)$", r"\1", text, flags=re.M)
    own = SearchConfig(dataset="photos").to_mapping()
    assert own.items() >= (tomllib.loads(uncommented).items() & own.items())
    SearchConfig.from_mapping(tomllib.loads(uncommented))  # every default is a legal value


def test_init_overwrites_nothing(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("mine")
    assert "expected a new file" in str(invoke("init", path).exception)
    assert path.read_text() == "mine"


def test_a_bare_search_on_a_terminal_explains_itself_and_asks(monkeypatch):
    monkeypatch.setattr(search, "_is_terminal", lambda: True)
    told = invoke("search", input="n\n")
    assert told.exit_code == 0
    assert "swarmnas search --dataset" in told.output
    assert "handwritten digits now" in told.output


def test_a_shell_completes_commands_and_names():
    def completed(line, word):
        asked = {"COMP_WORDS": line, "COMP_CWORD": str(word)}
        asked["_SWARMNAS_COMPLETE"] = "complete_bash"
        return RUNNER.invoke(cli.app, prog_name="swarmnas", env=asked).output.split()

    assert "watch" in completed("swarmnas w", 1)
    assert completed("swarmnas search --policy dar", 3) == ["darts", "darts-2nd", "darts-es"]
    assert "icso" in completed("swarmnas search --optimizer ", 3)
    assert completed("swarmnas search --preset di", 3) == ["digits"]
    assert completed("swarmnas list o", 2) == ["optimizers"]


def test_report_writes_one_file_and_says_where(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_search(tmp_path / "one", epochs=4)
    write_search(tmp_path / "two", epochs=8, stop_after=2)
    assert invoke("report", "one").output == "Report: one/report.html\n"
    assert invoke("report", "one", "two", "--out", "both.html").output == "Report: both.html\n"
    assert "<title>Searches one, two</title>" in (tmp_path / "both.html").read_text()


def test_watch_follows_until_the_search_ends(tmp_path):
    source = RunDirectory.open(write_search(tmp_path / "done", epochs=5))
    records = source.history()
    run = RunDirectory.create(tmp_path / "run", config=source.config)
    for record in records[:3]:
        run.append(record)

    def search_on():
        for record in records[3:]:
            time.sleep(0.02)
            run.append(record)
        run.write_json("genotype.json", json.loads((source.path / "genotype.json").read_text()))

    other = threading.Thread(target=search_on)
    other.start()
    told = invoke("watch", run.path, "--every", 0.1)
    other.join()
    assert told.exit_code == 0, told.exception
    epochs = re.findall(r"^epoch (\d+) ", told.output, re.M)
    assert epochs == [str(r["epoch"]) for r in records if r["kind"] == "epoch"]
    assert "'warm-up' ends, 'exploration' begins" in told.output
    assert told.output.endswith(f"Next: swarmnas report {run.path}\n")


def test_watch_serves_the_page_and_opens_no_browser_without_a_desktop(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(watch.webbrowser, "open", opened.append)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    path = write_search(tmp_path / "run", epochs=4)
    told = invoke("watch", path, "--open").output
    assert re.search(r"Report: http://127\.0\.0\.1:\d+/", told)
    monkeypatch.setenv("DISPLAY", ":0")
    address = re.search(r"http\S+", invoke("watch", path, "--open").output)[0]
    assert opened == [address]


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([0.0, 1.0], "▁█"),
        ([0.0, 0.5, 1.0, float("nan")], "▁▅█ "),
        ([3.0, 3.0], "▁▁"),
        ([float("nan")], ""),
        ([], ""),
    ],
)
def test_sparklines(values, drawn):
    assert sparkline(values) == drawn


def test_the_screen_shows_sparklines_and_the_last_events(tmp_path):
    records = RunDirectory.open(write_search(tmp_path / "run", epochs=10)).history()
    console = Console(file=io.StringIO(), force_terminal=True, width=100, legacy_windows=False)
    screen = Screen(console, READINGS)
    for record in records:
        screen.on_record(record)
    console.print(screen.live.renderable)
    shown = console.file.getvalue()
    assert "validation accuracy" in shown
    assert "▁" in shown
    assert "█" in shown
    assert "the search stops" in shown


MISTAKES = {
    "photos": "search --dataset phots",
    "a path to nothing": "search --dataset phots/",
    "no class": "search --dataset loose",
    "an empty class": "search --dataset hollow",
    "one class": "search --dataset single",
    "a text file": "search --dataset notes.txt",
    "no size": "search --dataset photos --image-size 0",
    "sizes that differ": "search --dataset photos",
    "no such preset": "search --preset digit",
    "no such space": "search --space dart",
    "a run that is there": "search --dataset photos --image-size 8 --out run",
    "no run to resume": "search --resume photos",
    "a flag beside resume": "search --resume run --epochs 3",
    "a key that is none": "search --config wrong.toml",
    "a report of no run": "report photos",
    "a report of nothing": "report runs/none",
    "training nothing": "train runs/none",
    "evaluating a search": "evaluate run",
    "no such kind": "list presets",
}
"""Mistake -> the command in which it is made."""


@pytest.fixture
def newcomer(tmp_path, monkeypatch):
    """Stand in a directory with images, some of them wrongly laid out, and a run."""
    monkeypatch.chdir(tmp_path)
    sizes = {"photos/cat": 5, "photos/dog": 6, "loose": 5, "hollow/a": 5, "single/only": 5}
    for folder, size in sizes.items():
        Path(folder).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (size, size)).save(f"{folder}/{number}.png")
    Path("hollow/b").mkdir()
    Path("notes.txt").write_text("no images")
    Path("wrong.toml").write_text("epoch = 3\n")
    write_search(tmp_path / "run", epochs=3)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_newcomers_mistake_gets_one_line_that_says_what_to_do(newcomer, mistake):
    error = invoke(*MISTAKES[mistake].split()).exception
    assert isinstance(error, SwarmNASError)  # which the command prints as one line
    assert re.search(r"(expected|unknown name|greater than).*[;.?] [A-Z].*\.$", str(error))
