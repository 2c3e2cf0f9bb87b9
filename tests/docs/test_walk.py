"""The pages walked from top to bottom, as typed, by somebody with an empty directory."""

import gzip
import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.docs.pages import DOCS, SHELL, WALKED, commands, fenced, left_out, name

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

TUTORIAL = DOCS / "tutorial.md"
RUNS = {
    "NAME": "shapes", "FIRST": "shapes", "SECOND": "shapes", "TRAINING": "trained",
    "first": "shapes", "second": "shapes", "earlier": "shapes",
}  # fmt: skip
"""Run of a page -> the tutorial's run that stands for it."""
LACKS_EXTRA = r"No module named|pip install '?swarmnas\["


@pytest.fixture(scope="module")
def toured(tmp_path_factory):
    """Return the directory in which the tutorial was walked, and what it printed."""
    home = tmp_path_factory.mktemp("walk")
    return home, walk(TUTORIAL, home)


@pytest.fixture
def home(toured, tmp_path):
    """Return an empty directory but for what the pages take as given."""
    first, _ = toured
    for folder in ("shapes", "photos", "pets"):
        shutil.copytree(first / "shapes", tmp_path / folder)
    for stand_in, source in RUNS.items():
        shutil.copytree(first / "runs" / source, tmp_path / "runs" / stand_in)
    write_table(tmp_path / "nasbench201.csv.gz")
    return tmp_path


def write_table(path):
    """Write a table of all cells of NAS-Bench-201 with accuracies that are made up."""
    rng = np.random.default_rng(0)
    names = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    with gzip.open(path, "wt") as file:
        file.write("index,arch,cifar10_valid_200,cifar10_test_200\n")
        for index, (a, b, c, d, e, f) in enumerate(itertools.product(names, repeat=6)):
            cell = f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
            file.write(f"{index},{cell},{rng.uniform(60, 91):.2f},{rng.uniform(60, 94):.2f}\n")


def walk(page, home):
    """Run a page's Python as programs and its commands; return what was printed.

    A block of TOML is the file that the next command reads and that is not there.
    """
    printed, lacking, toml = [], [], ""
    for language, block in fenced(page):
        steps = []
        if language == "toml":
            toml = block
        elif language == "python":
            steps = [[sys.executable, "-c", block]]
        elif language in SHELL:
            steps = [step.split() for step in commands(block) if not left_out(page, step)]
        for step in steps:
            for word in step:
                if toml and word.endswith(".toml") and not (home / word).exists():
                    (home / word).write_text(toml, encoding="utf-8")
            if away := [word for word in step if word[0] == "/" and not Path(word).exists()]:
                lacking += away
                continue
            done = run(step, home)
            if done.returncode and re.search(LACKS_EXTRA, done.stderr):
                lacking.append(done.stderr.splitlines()[-1])
                continue
            assert done.returncode == 0, (step, done.stdout[-2000:], done.stderr)
            printed.append(done.stdout)
    if lacking:
        pytest.skip(f"all else ran, but this is not installed: {', '.join(lacking)}")
    return printed


def run(step, home):
    if step[0] == "swarmnas":
        step = [sys.executable, "-m", "swarmnas_cli.main", *step[1:]]
    quiet = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}  # no page opens on the tester's screen
    return subprocess.run(
        step, cwd=home, capture_output=True, text=True, check=False, env=os.environ | quiet
    )


def test_the_tutorial_leads_to_a_report_and_a_trained_network(toured):
    home, printed = toured
    text = (home / "runs" / "shapes" / "report.html").read_text(encoding="utf-8")
    assert '"title":"Trained from scratch"' in text
    assert '"title":"Test accuracy after 20 epochs from scratch"' in text
    assert any("accuracy" in said for said in printed)


@pytest.mark.parametrize("page", [page for page in WALKED if page != TUTORIAL], ids=name)
def test_a_page_works_as_typed(page, home):
    assert any(walk(page, home))
