"""Is a found cell worth it, in minutes on a CPU? Found, random and ResNet-18, all trained alike.

Usage: ``python perf/quick_training.py DATASET --out FOLDER [--seeds 3] [--random 3]`` with a name,
an ``.npz`` file or a folder.

Searches one cell (settings SEARCH), then trains it, random cells of its space and torchvision's
ResNet-18, narrowed to the found network's parameters, by the protocol ``quick`` with each seed, and
prints a row each.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from swarmnas.datasets import Dataset
from swarmnas.rng import generator, seed_sequence
from swarmnas.search import SearchConfig, run
from swarmnas.spaces import create
from swarmnas.training import Fit, Protocol, TrainingConfig, evaluate, load_protocol
from swarmnas.training.images import Stream, test_batches, training_batches, training_dataset
from swarmnas.training.run import build_for

SEARCH = {"image_size": 16, "train_images": 4000, "epochs": 25, "channels": 8, "threads": 1}
CPU = torch.device("cpu")


class NarrowResNet18(ResNet):
    """torchvision's ResNet-18 with other widths, and its stem for small images."""

    def __init__(self, in_channels: int, num_classes: int, width: int) -> None:
        self.width = width
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes=num_classes)
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.bn1, self.maxpool = nn.BatchNorm2d(width), nn.Identity()
        self.fc = nn.Linear(8 * width, num_classes)

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        self.inplanes = self.width if planes == 64 else self.inplanes
        return super()._make_layer(block, planes * self.width // 64, blocks, stride, dilate)


def size(network: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(weights.numel() for weights in network.parameters())


def resnet(dataset: Dataset, parameters: int, seed: int) -> nn.Module:
    """Return the ResNet-18 whose number of parameters comes nearest."""
    torch.manual_seed(seed)
    channels = dataset.train.images.shape[1]
    every = [NarrowResNet18(channels, dataset.num_classes, width) for width in range(2, 33)]
    return min(every, key=lambda network: abs(size(network) - parameters))


def trained(
    network: nn.Module, dataset: Dataset, config: TrainingConfig, protocol: Protocol
) -> float:
    """Train; return the seconds that it took."""
    batches, _ = training_batches(dataset, config, protocol, CPU)
    began = time.perf_counter()
    Fit(network, protocol, seed=seed_sequence(config.seed, Stream.DRAWS)).run(batches)
    return time.perf_counter() - began


def main(options: argparse.Namespace) -> None:
    """Search one cell and compare it."""
    found = run(
        SearchConfig(dataset=options.dataset, **SEARCH), out=options.out / "search", overwrite=True
    ).genotype
    space, protocol = create(found.space), load_protocol("quick")
    if options.image_size:
        protocol = protocol.with_settings({"image_size": options.image_size})
    draws = generator(0, 1)
    cells = {"found": found}
    for number in range(options.random):
        cells[f"random {number + 1}"] = space.random_genotype(draws)
    for name, cell in cells.items():
        print(f"{name}: {cell.to_text()}", flush=True)
    scores: dict[str, list[float]] = {}
    for seed in range(options.seeds):
        config = TrainingConfig(dataset=options.dataset, seed=seed)
        dataset = training_dataset(config, protocol)
        test = test_batches(dataset.test(), dataset.mean, dataset.std, CPU)
        networks = {
            name: build_for(dataset, space, protocol, cell, seed)[0] for name, cell in cells.items()
        }
        networks["ResNet-18, narrow"] = resnet(dataset, size(networks["found"]), seed)
        for name, network in networks.items():
            seconds = trained(network, dataset, config, protocol)
            accuracy = 100 * evaluate(network, test).accuracy
            scores.setdefault(name, []).append(accuracy)
            print(
                f"seed {seed}  {name:18} {accuracy:.2f} %  {size(network):,} parameters  "
                f"{seconds:.0f} s",
                flush=True,
            )
    for name, values in scores.items():
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        each = ", ".join(f"{value:.2f}" for value in values)
        print(f"{name:18} {statistics.mean(values):.2f} +- {spread:.2f}  ({each})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("--out", type=Path, default=Path("runs/quick-training"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--random", type=int, default=3)
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    print(f"torch {torch.__version__}, {chosen.threads} thread(s)")
    main(chosen)
