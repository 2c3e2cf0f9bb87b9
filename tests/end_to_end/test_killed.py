"""A run that was killed anywhere and continued ends as if it had not been."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.small_runs import outcome

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks its runs")

SCRIPT = Path(__file__).with_name("killing.py")
SEARCH = {
    "train_images": 80, "epochs": 5, "channels": 2, "batch_size": 20, "population_size": 4,
    "threads": 1,
}  # fmt: skip
TRAIN = {"train_images": 60, "epochs": 3, "channels": 2, "batch_size": 20}
BENCH = {"problems": ["sphere"], "dims": [2], "optimizers": ["cso"], "seeds": 12, "budget": 500}


def moments(count):
    return [{"at": at} for at in np.random.default_rng(0).uniform(0.0, 1.0, count)]


def writes(*numbers):
    return [{"write": number} for number in numbers]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("job", "settings", "kills", "least"),
    [
        pytest.param("search", SEARCH, [*moments(2), *writes(9, 26)], 3, id="search"),
        pytest.param("train", TRAIN, [*moments(1), *writes(26)], 1, id="train"),
        pytest.param("bench", BENCH, [*moments(1), *writes(7, 8)], 2, id="bench"),
        pytest.param("search", SEARCH, moments(25), 25, id="search-25", marks=pytest.mark.slow),
        pytest.param(
            "search", SEARCH, writes(*range(1, 37)), 30, id="search-writes", marks=pytest.mark.slow
        ),
        pytest.param("train", TRAIN, moments(25), 25, id="train-25", marks=pytest.mark.slow),
        pytest.param("bench", BENCH, moments(25), 25, id="bench-25", marks=pytest.mark.slow),
        pytest.param(
            "bench", BENCH, writes(*range(1, 20)), 18, id="bench-writes", marks=pytest.mark.slow
        ),
    ],
)
def test_killed_anywhere_and_continued_ends_as_without(tmp_path, job, settings, kills, least):
    if job != "bench":
        pytest.importorskip("torch")
    task = {"job": job, "settings": settings, "home": str(tmp_path), "kills": kills}
    ran = subprocess.run(
        [sys.executable, SCRIPT, json.dumps(task)], capture_output=True, text=True, timeout=3000
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["killed"] >= least
    whole = outcome(tmp_path / "whole")
    assert outcome(tmp_path / "again") == whole
    for number in range(len(kills)):
        assert outcome(tmp_path / f"killed-{number}") == whole
