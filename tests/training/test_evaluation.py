"""What an evaluation says, by hand, and what a network takes."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from swarmnas.errors import DataError
from swarmnas.networks import cost_of
from swarmnas.networks.measuring import PeakMemory, latency, peak_memory
from swarmnas.spaces import create
from swarmnas.training import TrainingConfig, assess, evaluate, load_protocol, train
from swarmnas.training.evaluation import wilson_interval

SPACE = create("nasbench201")
CELL = SPACE.parse("|skip_connect~0|+|none~0|none~1|+|none~0|none~1|nor_conv_1x1~2|")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    protocol = load_protocol("quick").with_settings(
        {"epochs": 1, "train_images": 64, "batch_size": 32, "channels": 2}
    )
    return train(CELL, TrainingConfig(), protocol, out=tmp_path_factory.mktemp("t") / "run").path


def test_calibration_and_confusion_by_hand():
    # Confidences 0.9 (right), 0.9 (wrong) and 0.6 (right): bins 0.8667-0.9333 and 0.5333-0.6.
    shares = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]], dtype=torch.float64)
    found = evaluate(nn.Identity(), [(shares.log(), torch.tensor([0, 1, 1]))])
    assert found.calibration_error == pytest.approx((2 * abs(0.5 - 0.9) + abs(1 - 0.6)) / 3)
    assert found.confusion == ((1, 0), (1, 1))
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.loss == pytest.approx(-(math.log(0.9) + math.log(0.1) + math.log(0.6)) / 3)
    assert found.interval == wilson_interval(2, 3)


def test_wilson_interval_solves_its_equation():
    for hits, count in ((0, 5), (3, 7), (990, 1000), (4, 4)):
        for bound in wilson_interval(hits, count):
            # |share - p| = z sqrt(p (1 - p) / n) at both ends.
            off = abs(hits / count - bound)
            assert off == pytest.approx(
                1.959963984540054 * math.sqrt(bound * (1 - bound) / count), abs=1e-12
            )


def test_labels_beyond_the_network_are_an_error():
    with pytest.raises(DataError, match="labels: expected classes 0 to 1"):
        evaluate(nn.Identity(), [(torch.eye(2), torch.tensor([0, 2]))])


def test_peak_memory_counts_what_lives_at_once():
    layers = nn.Sequential(*(nn.ReLU() for _ in range(5)))
    images = torch.zeros(1, 1000)
    # Without gradients a layer's input is freed as soon as the next has read it.
    assert peak_memory(layers, images) == 3 * 4000
    with PeakMemory() as memory:
        kept = [torch.zeros(1000) for _ in range(5)]
    assert memory.peak == len(kept) * 4000


def test_latency_is_the_median_of_the_timed_runs_alone(monkeypatch):
    clock = iter([9.0, 9.0, 0.0, 1.0, 0.0, 3.0, 0.0, 2.0])  # two that warm up, three timed
    monkeypatch.setattr("swarmnas.networks.measuring.time.perf_counter", lambda: next(clock))
    calls = []

    class Slow(nn.Module):
        def forward(self, images):
            calls.append(self.training)
            return images

    network = Slow()
    found = latency(network, torch.zeros(1), runs=3, warm_up=2)
    assert found.median == 2.0
    assert calls == [False] * 5
    assert network.training


def test_assessment_says_all_and_writes_it_down(trained):
    report = assess(trained, runs=2)
    cost = cost_of(SPACE, CELL, num_classes=10, in_channels=1, channels=2, cells=1, image_size=8)
    assert (report["parameters"], report["flops"]) == cost
    assert report["num_images"] == 355 == int(np.sum(report["confusion"]))
    low, high = report["interval"]
    assert low < report["accuracy"] < high
    assert report["latency"]["median"] > 0
    assert report["peak_memory"] > 4 * cost.parameters
    written = json.loads((trained / "evaluation.json").read_text(encoding="utf-8"))
    assert written["accuracy"] == report["accuracy"]


def test_other_classes_or_channels_are_refused(trained, tmp_path):
    def images(name, classes, *shape):
        arrays = {"x": np.zeros((classes, *shape), np.uint8), "y": np.arange(classes)}
        file = tmp_path / name
        np.savez(file, **{f"{k}_{part}": arrays[k] for k in "xy" for part in ("train", "test")})
        return str(file)

    with pytest.raises(DataError, match="expected 10 classes, as the network was trained for; got"):
        assess(trained, dataset=images("few.npz", 4, 8, 8))
    with pytest.raises(
        DataError, match=r"expected images of 1 channel\(s\), as in training; got 3"
    ):
        assess(trained, dataset=images("colour.npz", 10, 8, 8, 3))
