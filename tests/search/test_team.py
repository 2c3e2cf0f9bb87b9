"""Two processes that search together."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.search.team import swarm_step

SCRIPT = Path(__file__).with_name("team.py")
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def torchrun(*words):
    """Let two processes of this machine run something; return how it ended."""
    return subprocess.run([*TWO, *map(str, words)], capture_output=True, text=True)


def test_two_processes_agree_to_the_bit_and_share_a_swarm(story, tmp_path):
    ended = torchrun(SCRIPT, tmp_path, "both")
    assert ended.returncode == 0, ended.stderr
    first, second = (load_file(tmp_path / f"found{rank}.safetensors") for rank in (0, 1))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert first["mean"].tolist() == [0.5, 5.0, 1.0, 1.0, 1.0, 1.0]
    # Seven particles in two processes, against one process that judges all.
    for name, value in swarm_step().items():
        torch.testing.assert_close(first[name], value, rtol=1e-5, atol=0)
    # One of them wrote.
    epochs = [r["epoch"] for r in story(tmp_path / "whole") if r["kind"] == "epoch"]
    assert epochs == [1, 2, 3]


@pytest.mark.slow
def test_two_processes_resume_to_the_same_history(story, tmp_path):
    assert torchrun(SCRIPT, tmp_path, "stop").returncode != 0
    for job in ("resume", "both"):
        ended = torchrun(SCRIPT, tmp_path, job)
        assert ended.returncode == 0, ended.stderr
    assert story(tmp_path / "stopped") == story(tmp_path / "whole")


@pytest.mark.slow
def test_the_command_says_everything_once(tmp_path):
    words = ("-m", "swarmnas_cli.main", "search", "--train-images", 80, "--epochs", 2)
    more = ("--channels", 2, "--batch-size", 20, "--population-size", 6, "--out", tmp_path / "run")
    ended = torchrun(*words, *more)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("Found:") == 1
    assert ended.stdout.count("epoch 2 ") == 1
    refused = torchrun(*words, *more, "--dry-run")
    assert refused.returncode != 0
    assert "expected one process; got several" in refused.stderr


@pytest.mark.slow
def test_a_batch_is_shared_out_equally(tmp_path):
    words = ("-m", "swarmnas_cli.main", "search", "--batch-size", 21, "--out", tmp_path / "run")
    ended = torchrun(*words)
    assert ended.returncode != 0
    assert "batch_size: expected two images or more for each of 2 processes" in ended.stderr
    assert not (tmp_path / "run").exists()
