"""A GPU gives what the CPU gives; without one, that is said in a line."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from tests.networks.helpers import SPACES, architectures, batch, mixtures, supernet

GPU = torch.cuda.is_available()
PERF = Path(__file__).parents[2] / "perf" / "supernet.py"


@pytest.mark.gpu
@pytest.mark.skipif(not GPU, reason="this machine has no CUDA device")
@pytest.mark.parametrize(("name", "cells"), SPACES)
def test_same_losses_and_gradients_as_on_the_cpu(name, cells):
    images, labels = batch(8, 16)
    found = []
    for device in ("cpu", "cuda"):
        net = supernet(name, cells).to(device)
        x, y = images.to(device), labels.to(device)
        loss = functional.cross_entropy(net(x), y)
        loss.backward()
        tables = {cell: table.to(device) for cell, table in mixtures(net.space, 5).items()}
        found.append(
            [
                loss.detach().cpu(),
                net.evaluate_swarm(x, y, mixing=tables).cpu(),
                net.evaluate_swarm(x, y, operations=architectures(net.space, 5)).cpu(),
                *(alpha.grad.cpu() for alpha in net.alpha_parameters()),
            ]
        )
    for cpu, cuda in zip(*found, strict=True):
        torch.testing.assert_close(cuda, cpu, rtol=1e-2, atol=1e-4)  # TF32 convolutions


@pytest.mark.skipif(GPU, reason="this machine has a CUDA device")
def test_measuring_on_a_device_that_is_not_there_says_so_in_a_line():
    words = [sys.executable, str(PERF), "--device", "cuda"]
    ended = subprocess.run(words, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr == (
        "device: expected a CUDA device; got none on this machine. Use device 'cpu'.\n"
    )
