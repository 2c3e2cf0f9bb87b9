"""What a search visited, by how good and how costly it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from swarmnas.errors import RunError
from swarmnas.networks import Network, cost_of
from swarmnas.networks.devices import device_of
from swarmnas.networks.measuring import latency
from swarmnas.phases import Signals
from swarmnas.runs import RunDirectory
from swarmnas.search.config import recorded_config
from swarmnas.search.loaders import dataset_of
from swarmnas.search.ranking import cell_losses
from swarmnas.spaces import create

__all__ = ["Visited", "not_dominated", "visited_genotypes"]


@dataclass(frozen=True)
class Visited:
    """A genotype that the alphas of a search decoded to after some epoch.

    Args:
        genotype: As text.
        epoch: The last epoch that ended with it.
        loss: Its validation loss, alone, under the weights that the supernet ended with.
        parameters: Of its network.
        flops: Multiply-adds of its network for one image.
        latency: Seconds that its network takes for one image, the median of 20 passes on the
            device at hand; None if nobody asked.
        on_front: No other one is at least as good in all of these and better in one.
    """

    genotype: str
    epoch: int
    loss: float
    parameters: int
    flops: int
    latency: float | None
    on_front: bool


def visited_genotypes(
    run: Path | str,
    *,
    channels: int | None = None,
    cells: int | None = None,
    num_images: int = 512,
    device: str | None = None,
) -> list[Visited]:
    """Return the genotypes of a search's epochs, each once, best loss first.

    Args:
        run: The directory of a search.
        channels: Of the networks that are counted; by default those of the run's limits, or the
            supernet's.
        cells: Likewise.
        num_images: Validation images, >= 2.
        device: Where to measure latency: "auto", "cpu" or "cuda"; None measures nothing.

    Raises:
        RunError: The run is no search, has not finished an epoch, or used somebody's own loaders.
        DeviceError: There is no such device.
    """
    place = None if device is None else device_of(device)
    directory = RunDirectory.open(run, kind="search")
    history = directory.history()
    signals = [Signals.from_json(record) for record in history if record.get("kind") == "epoch"]
    epochs = {each.genotype: each.epoch for each in signals if each.genotype}
    if not epochs:
        raise RunError(f"{run}: expected a search with an epoch on record; got none.")
    texts = list(epochs)
    ((_, losses),) = cell_losses(run, texts, num_images=num_images, last=True)
    config = recorded_config(directory)
    space, dataset = create(config.space), dataset_of(config)
    shape = dataset.train.images.shape
    sizes: dict[str, Any] = {
        "num_classes": dataset.num_classes,
        "in_channels": shape[1],
        "channels": channels or config.network_channels or config.channels,
        "cells": cells or config.network_cells or config.cells,
    }
    genotypes = [space.parse(text) for text in texts]
    costs = [cost_of(space, each, image_size=max(shape[2:]), **sizes) for each in genotypes]
    times: list[float | None] = [None] * len(texts)
    if place is not None:
        image = torch.zeros(1, *shape[1:], device=place)
        networks = (Network(space, each, seed=0, **sizes).to(place) for each in genotypes)
        times = [latency(network, image).median for network in networks]
    known = [[*row, time or 0.0] for row, time in zip(costs, times, strict=True)]
    front = not_dominated(np.column_stack([losses, np.array(known)]))
    rows = [
        Visited(text, epochs[text], float(loss), *cost, time, bool(best))
        for text, loss, cost, time, best in zip(texts, losses, costs, times, front, strict=True)
    ]
    return sorted(rows, key=lambda row: row.loss)


def not_dominated(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which rows no other row dominates: smaller or equal everywhere, and smaller somewhere.

    Args:
        values: ``(n, k)``, less is better; NaN is worse than any number.

    Example:
        >>> not_dominated(np.array([[1, 3], [2, 2], [2, 3], [1, 3]])).tolist()
        [True, True, False, True]
    """
    values = np.where(np.isnan(values), np.inf, values)
    no_worse = (values[:, None] <= values[None]).all(axis=2)
    better = (values[:, None] < values[None]).any(axis=2)
    front: NDArray[np.bool_] = ~np.any(no_worse & better, axis=0)
    return front
