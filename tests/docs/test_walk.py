"""The commands of the tutorial and of the pages about a run, as typed, in an empty directory."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, blocks, python_blocks

pytestmark = pytest.mark.slow

PLACEHOLDERS = {
    "NAME": "shapes", "FIRST": "shapes", "SECOND": "shapes", "TRAINING": "trained",
    "earlier": "shapes", "photos": "shapes",
}  # fmt: skip
"""Run of a page -> the tutorial's run that stands for it."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return the directory in which the tutorial was walked."""
    home = tmp_path_factory.mktemp("walk")
    (first, *_) = python_blocks(DOCS / "tutorial.md")
    run(home, sys.executable, "-c", first[0])
    for command in commands(DOCS / "tutorial.md"):
        run(home, *command)
    for name, source in PLACEHOLDERS.items():
        shutil.copytree(home / "runs" / source, home / "runs" / name)
    return home


def commands(page):
    for block in blocks(page, "console"):
        for line in block.replace("\\\n", " ").splitlines():
            yield re.sub(r"\s#.*", "", line).removeprefix("$ ").split()


def run(home, *command):
    if command[0] == "swarmnas":
        command = (sys.executable, "-m", "swarmnas_cli.main", *command[1:])
    quiet = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}  # no page opens on the tester's screen
    ended = subprocess.run(
        command, cwd=home, capture_output=True, text=True, check=False, env=os.environ | quiet
    )
    assert ended.returncode == 0, (command, ended.stderr)
    return ended.stdout


def test_the_tutorial_leads_to_a_report_and_a_trained_network(home):
    assert (home / "runs" / "shapes" / "report.html").stat().st_size > 10_000
    text = (home / "runs" / "shapes" / "report.html").read_text(encoding="utf-8")
    assert '"title":"Trained from scratch"' in text
    assert '"title":"Test accuracy after 20 epochs from scratch"' in text


@pytest.mark.parametrize("name", ["how-to/reports.md", "how-to/resume.md", "how-to/own-policy.md"])
def test_the_commands_about_a_run_work(home, name):
    for command in commands(DOCS / name):
        run(home, *command)


def test_the_readme_shows_policies_and_compares_optimizers(home):
    for command in list(commands(ROOT / "README.md"))[-4:]:
        run(home, *command)
    assert (home / "runs" / "bench-classic-report" / "report.html").exists()


@pytest.mark.parametrize("name", ["tutorial.md", "how-to/reports.md", "how-to/resume.md"])
def test_the_python_about_a_run_works(home, name, monkeypatch):
    monkeypatch.chdir(home)
    for run_name in ("first", "second"):
        shutil.copytree(home / "runs" / "shapes", Path("runs") / run_name, dirs_exist_ok=True)
    for code, walk, _ in python_blocks(DOCS / name):
        if walk:
            exec(compile(code, name, "exec"), {"__name__": "page"})


def test_the_page_on_training_leads_from_a_search_to_an_export(tmp_path, monkeypatch):
    pytest.importorskip("onnx", reason="an export writes ONNX too: swarmnas[onnx]")
    page = DOCS / "how-to" / "train.md"
    for command in list(commands(page))[:4]:
        run(tmp_path, *command)
    monkeypatch.chdir(tmp_path)
    ((code, _, _),) = (block for block in python_blocks(page) if block[1])
    exec(compile(code, str(page), "exec"), {"__name__": "page"})
