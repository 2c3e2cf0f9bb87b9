"""The installed command, as a process of its own."""

import json
import shutil
import signal
import subprocess
import sysconfig
import time
from pathlib import Path

import pytest

from tests.shared_data import shared_file

SWARMNAS = shutil.which("swarmnas", path=sysconfig.get_path("scripts"))
TINY = "--train-images 120 --epochs 8 --channels 2 --batch-size 20 --population-size 6 --threads 1"


def history(path):
    lines = (path / "history.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    for record in records:
        record.pop("timing", None)
    return records


def test_interrupted_by_ctrl_c_and_resumed_ends_as_without(tmp_path):
    command = [SWARMNAS, "search", *TINY.split()]
    subprocess.run([*command, "--out", "whole"], cwd=tmp_path, check=True, capture_output=True)
    process = subprocess.Popen(
        [*command, "--out", "broken"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A job in the background of a shell ignores SIGINT, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    for line in process.stdout:
        if line.startswith("epoch 3 "):
            process.send_signal(signal.SIGINT)
            break
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert error.splitlines() == [
        "",
        "Stopping after this epoch. Ctrl-C again: now.",
        "Interrupted. Continue with: swarmnas search --resume broken",
    ]
    before = len(history(tmp_path / "broken"))
    assert before < len(history(tmp_path / "whole"))
    resume = error.rpartition("with: ")[2].split()
    subprocess.run([SWARMNAS, *resume[1:]], cwd=tmp_path, check=True, capture_output=True)
    assert history(tmp_path / "broken") == history(tmp_path / "whole")
    answers = [
        json.loads((tmp_path / name / "genotype.json").read_text(encoding="utf-8"))
        for name in ("broken", "whole")
    ]
    assert answers[0] == answers[1]


def test_piped_output_is_plain(tmp_path):
    ended = subprocess.run(
        [SWARMNAS, "search", *TINY.split(), "--out", "run"],
        cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "\x1b" not in ended.stdout
    assert ended.stdout.splitlines()[1].startswith("epoch 1 warm-up: train_loss ")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_real_images_within_a_quarter_of_an_hour(tmp_path):
    images = shared_file("cifar10.npz")
    table = shared_file("nasbench201_cifar10.csv.gz")
    began = time.monotonic()
    ended = subprocess.run(
        [
            *(SWARMNAS, "search", "--space", "nasbench201", "--dataset", images),
            *("--image-size", "16", "--train-images", "10000", "--table", table),
            *("--out", tmp_path / "run", "--json"),
        ],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert time.monotonic() - began < 15 * 60
    found = json.loads(ended.stdout)
    assert [phase["name"] for phase in found["phases"]][:2] == ["warm-up", "exploration"]
    assert 0 < found["table"]["cifar10_valid_200"] <= 100
    assert not any("test" in column for column in found["table"])
    assert Path(found["run"]) == tmp_path / "run"
