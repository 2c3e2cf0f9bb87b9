"""All that is worth knowing of a trained network: how well it does and what it takes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from swarmnas import documents
from swarmnas.atomic import replace_file
from swarmnas.checks import explain
from swarmnas.datasets import Dataset, load
from swarmnas.errors import DataError
from swarmnas.networks import cost_of
from swarmnas.networks.devices import device_of
from swarmnas.networks.measuring import latency, peak_memory
from swarmnas.spaces import create
from swarmnas.training.evaluation import evaluate
from swarmnas.training.images import test_batches
from swarmnas.training.saved import Saved, load_network, read_saved

__all__ = ["assess"]


def assess(
    path: Path | str,
    *,
    dataset: str | None = None,
    data_dir: Path | str | None = None,
    download: bool = False,
    device: str = "auto",
    batch: int = 1,
    runs: int = 20,
) -> dict[str, Any]:
    """Evaluate a trained network on test images, measure it, and write ``evaluation.json`` there.

    Args:
        path: The directory of a finished training or of an export.
        dataset: Other images of the same classes; by default what it was trained on.
        data_dir: Where torchvision keeps its data sets.
        download: Let torchvision download a missing data set.
        device: "auto", "cpu" or "cuda".
        batch: Images a forward pass, for latency and memory.
        runs: Forward passes that are timed.

    Returns:
        ``accuracy`` with its 95 % ``interval``, ``loss``, ``calibration_error``, ``confusion``,
        ``num_images``, ``parameters``, ``flops`` (multiply-adds an image), ``latency`` in seconds,
        ``peak_memory`` in bytes, and on what: ``dataset``, ``split``, ``device``, ``batch``.

    Raises:
        RunError: There is no network.
        DataError: The images are not to be had, or of other classes or channels.
        DeviceError: There is no such device.
    """
    saved, network = read_saved(path), load_network(path)
    place = device_of(device)
    network.to(place)
    height, width = saved.image_size
    found = load(
        dataset or saved.dataset,
        image_size=height if height == width else None,
        data_dir=data_dir,
        download=download,
    )
    _refuse_others(found, saved)
    score = evaluate(network, test_batches(found.test(), saved.mean, saved.std, place))
    images = torch.randn(batch, saved.network.in_channels, height, width, device=place)
    built = saved.network.model_dump()
    cost = cost_of(create(saved.genotype.space), saved.genotype, **built, image_size=height)
    report = {
        **dataclasses.asdict(score),
        "interval": score.interval,
        "parameters": cost.parameters,
        "flops": cost.flops,
        "latency": dataclasses.asdict(latency(network, images, runs=runs)),
        "peak_memory": peak_memory(network, images),
        "dataset": found.name,
        "split": "test",
        "class_names": saved.class_names,
        "device": place.type,
        "batch": batch,
    }
    replace_file(Path(path) / "evaluation.json", (documents.dump_json(report) + "\n").encode())
    return report


def _refuse_others(dataset: Dataset, saved: Saved) -> None:
    """Refuse images that the network cannot have learnt anything about."""
    if dataset.num_classes != saved.network.num_classes:
        raise DataError(
            explain(
                dataset.name,
                f"{saved.network.num_classes} classes, as the network was trained for",
                dataset.num_classes,
                "Evaluate it on its own classes, or train the genotype on this data set.",
            )
        )
    channels = dataset.train.images.shape[1]
    if channels != saved.network.in_channels:
        raise DataError(
            explain(
                dataset.name,
                f"images of {saved.network.in_channels} channel(s), as in training",
                channels,
                "Convert them, or train the genotype on this data set.",
            )
        )
