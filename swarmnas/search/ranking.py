"""Does the supernet rank cells as a table does? Read from the checkpoints of a search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from swarmnas import rng
from swarmnas.checks import as_int, explain
from swarmnas.errors import RunError, SettingError
from swarmnas.networks.state import load_module
from swarmnas.runs import RunDirectory, restoring
from swarmnas.search.building import build_supernet
from swarmnas.search.config import recorded_config
from swarmnas.search.drivers import without
from swarmnas.search.gradients import mixing_of
from swarmnas.search.loaders import Endless, images_of
from swarmnas.spaces import create

__all__ = ["Ranking", "cell_losses", "rank_cells"]

Rows = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Ranking:
    """How the supernet of one epoch ranks cells.

    Attributes:
        epoch: The epoch of the checkpoint; 0 is before the first.
        correlation: Spearman's, of minus the losses with the known figures, in [-1, 1].
        cells: The cells, as text.
        losses: ``(num_cells,)``, the validation losses of the cells.
        known: ``(num_cells,)``, the figures that they are held against.
    """

    epoch: int
    correlation: float
    cells: tuple[str, ...]
    losses: Rows
    known: Rows


def rank_cells(
    run: Path | str,
    known: Mapping[str, float],
    *,
    num_cells: int = 250,
    num_images: int = 512,
    ablated: bool = False,
    seed: int = 0,
) -> Iterator[Ranking]:
    """Rank cells by the supernet's weights at each epoch that the run keeps a checkpoint of.

    Each cell is evaluated alone (discrete), or ablated, with batch statistics of its own, on the
    same validation images at every epoch. A search keeps the checkpoints of its last two epochs,
    and of as many as its policy says (``keep_epochs``).

    Args:
        run: The directory of a search.
        known: Cell text -> a figure of which more is better, such as a table's accuracies.
        num_cells: How many cells are drawn from ``known``; all if it has fewer, >= 2.
        num_images: Validation images, >= 2.
        ablated: Rank by what the supernet loses without a cell, as a phase that evaluates so.
        seed: Draws the cells.

    Yields:
        A ranking an epoch, oldest first.

    Raises:
        RunError: The run is no search, has no checkpoint, or used somebody's own loaders.
        SwarmNASError: A cell of ``known`` is none of the run's space.
    """
    num_cells = as_int("num_cells", num_cells, low=2)
    num_images = as_int("num_images", num_images, low=2)
    if len(known) < 2:
        raise SettingError(explain("known", "two cells or more", len(known), "Add cells."))
    names = sorted(known)
    draws = rng.generator(seed, 0).choice(len(names), min(num_cells, len(names)), replace=False)
    cells = tuple(names[draw] for draw in draws)
    figures = np.array([known[cell] for cell in cells])
    for epoch, losses in cell_losses(run, cells, num_images=num_images, ablated=ablated):
        correlation = float(spearmanr(-losses, figures).statistic)
        yield Ranking(epoch, correlation, cells, losses, figures)


def cell_losses(
    run: Path | str,
    cells: Sequence[str],
    *,
    num_images: int,
    ablated: bool = False,
    last: bool = False,
) -> Iterator[tuple[int, Rows]]:
    """Evaluate cells by a search's supernet, on the same validation images at every epoch.

    Args:
        run: The directory of a search.
        cells: Cells of its space, as text.
        num_images: Validation images, >= 2.
        ablated: Take each cell out of the mixture of the alphas that the swarm of the moment began
            around (its origin), or of the supernet's where there is none; minus that loss counts.
        last: The newest checkpoint alone, not every one.

    Yields:
        The epoch and ``(num_cells,)`` losses.

    Raises:
        RunError: The run is no search, has no checkpoint, or used somebody's own loaders.
        SwarmNASError: A cell is none of the run's space.
    """
    directory = RunDirectory.open(run, kind="search")
    steps = sorted(directory.checkpoints())
    if not steps:
        raise RunError(explain(str(run), "a checkpoint or more", "none", "Let it run first."))
    config = recorded_config(directory)
    space = create(config.space)
    alphas = [space.encode(space.parse(cell)) for cell in cells]
    columns = space.decode_indices(
        {name: np.stack([each[name] for each in alphas]) for name in space.alpha_shapes}
    )

    device = torch.device("cpu")
    images = images_of(config, device)
    batch = Endless(images.valid, 0, device).take(num_images)
    supernet = build_supernet(config, space, images)
    for step in steps[-1:] if last else steps:
        checkpoint = directory.load_checkpoint(step)
        assert checkpoint is not None
        with restoring(f"{directory.path}, checkpoint of step {step}", "this search"):
            load_module(supernet, checkpoint.arrays)
            origin = checkpoint.state["drivers"].get("swarm", {}).get("origin", {})
            mixing = mixing_of(supernet, origin.get("centre"))
        if ablated:
            losses = -supernet.evaluate_swarm(*batch, mixing=without(mixing, columns))
        else:
            losses = supernet.evaluate_swarm(*batch, operations=columns)
        yield step, losses.double().numpy()
