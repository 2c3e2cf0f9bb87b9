"""Two processes that train one network, against one that trains it alone."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from swarmnas.errors import SettingError
from swarmnas.networks.team import Team
from swarmnas.runs import RunDirectory
from swarmnas.training import TrainingConfig, load_protocol
from swarmnas.training.images import training_batches, training_dataset
from tests.training.team import without_batch_norm

SCRIPT = Path(__file__).with_name("team.py")


def torchrun(*words):
    """Let two processes of this machine run the script; return how it ended."""
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", SCRIPT]
    return subprocess.run(
        [sys.executable, *map(str, (*command, *words))], capture_output=True, text=True
    )


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def test_two_processes_train_one_network(tmp_path):
    ended = torchrun(tmp_path, "both")
    assert ended.returncode == 0, ended.stderr
    first, second = (load_file(tmp_path / f"plain{rank}.safetensors") for rank in (0, 1))
    assert equal(first, second)
    # The same batches in one process, the last of 19 images shared out unequally.
    alone, records = without_batch_norm()
    losses = first.pop("losses")
    for name, weights in alone.items():
        torch.testing.assert_close(first[name], weights, rtol=1e-5, atol=1e-6)
    for found, record in zip(losses.tolist(), records, strict=True):
        assert found == pytest.approx([record["train_loss"], record["train_accuracy"]], rel=1e-5)
    # A whole training: both end with the weights that the first wrote; one history, one network.
    first, second = (load_file(tmp_path / f"cell{rank}.safetensors") for rank in (0, 1))
    assert equal(first, second)
    written = load_file(tmp_path / "whole" / "network.safetensors")
    assert equal(first, {name: written[name] for name in first})
    assert [r["epoch"] for r in RunDirectory.open(tmp_path / "whole").history()] == [1, 2]


@pytest.mark.slow
def test_two_processes_resume_to_the_same_bits(tmp_path):
    assert torchrun(tmp_path, "stop").returncode != 0
    assert not (tmp_path / "stopped" / "network.safetensors").exists()
    for job in ("resume", "both"):
        ended = torchrun(tmp_path, job)
        assert ended.returncode == 0, ended.stderr
    one, other = (load_file(tmp_path / run / "network.safetensors") for run in ("stopped", "whole"))
    assert equal(one, other)


def test_shares_of_a_batch_are_the_batch():
    settings = {"batch_size": 32, "train_images": 95}
    config, protocol = TrainingConfig(), load_protocol("quick").with_settings(settings)
    dataset = training_dataset(config, protocol)
    whole, _ = training_batches(dataset, config, protocol, torch.device("cpu"))
    shares = [
        training_batches(dataset, config, protocol, torch.device("cpu"), Team(rank, 3))[0]
        for rank in range(3)
    ]
    for batches in (whole, *shares):
        batches.set_epoch(2)
    for (images, labels), *parts in zip(whole, *shares, strict=True):
        for rank, part in enumerate(parts):
            assert torch.equal(images[rank::3], part[0])
            assert torch.equal(labels[rank::3], part[1])


def test_a_batch_holds_two_images_for_each_process():
    config, protocol = TrainingConfig(), load_protocol("quick").with_settings({"batch_size": 5})
    dataset = training_dataset(config, protocol)
    with pytest.raises(SettingError, match="batch_size: expected at least 6, two images for each"):
        training_batches(dataset, config, protocol, torch.device("cpu"), Team(0, 3))
