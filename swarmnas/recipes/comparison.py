"""Is a found network better than chance? Train it beside random ones, all alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from swarmnas import rng
from swarmnas.checks import as_int, explain
from swarmnas.datasets import Batches
from swarmnas.errors import RunError
from swarmnas.networks import Network
from swarmnas.runs import RunDirectory
from swarmnas.search.config import recorded_config
from swarmnas.search.loaders import dataset_of
from swarmnas.spaces import create, read_genotype
from swarmnas.training import Protocol, evaluate, fit

__all__ = ["compare_with_random"]

RATES: dict[str, Any] = {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 5e-4}
"""How each network is trained; the rates of NAS-Bench-201 (Dong and Yang, ICLR 2020)."""


def compare_with_random(
    run: Path | str,
    *,
    num_random: int = 3,
    epochs: int = 5,
    seed: int = 0,
    told: Callable[[dict[str, Any]], None] | None = None,
) -> list[dict[str, Any]]:
    """Train the network that a run found and random ones of its space alike, from scratch.

    All training images of the run's data set are used, the run's channels, cells and batch size.
    The test images are read here, once, after all choices are made.

    Args:
        run: The directory of a finished search.
        num_random: Random genotypes beside the found one, >= 1.
        epochs: Epochs for each, >= 1.
        seed: Draws the random genotypes; the weights and batches of all start from it.
        told: Called with each row as soon as it is there.

    Returns:
        A row a network: name, genotype, parameters, test_accuracy, test_loss. The found one first.

    Raises:
        RunError: The run has found nothing yet, or was searched with somebody's own loaders.
    """
    num_random = as_int("num_random", num_random, low=1)
    directory = RunDirectory.open(run, kind="search")
    path = directory.path / "genotype.json"
    if not path.exists():
        raise RunError(
            explain(
                str(run), "a finished search", "none yet", f"Run: swarmnas search --resume {run}"
            )
        )
    found = read_genotype(str(path))
    config = recorded_config(directory)
    space = create(config.space)
    dataset = dataset_of(config)
    genotypes = {"found": found}
    draws = rng.generator(seed, 0)
    while len(genotypes) <= num_random:
        genotypes[f"random {len(genotypes)}"] = space.random_genotype(draws)
    common: dict[str, Any] = {"seed": seed, "mean": dataset.mean, "std": dataset.std}
    train = Batches(
        dataset.train, config.batch_size, augment=dataset.augment, drop_last=True, **common
    )
    protocol = Protocol(epochs=epochs, batch_size=config.batch_size, **RATES)
    networks = {}
    for name, genotype in genotypes.items():
        networks[name] = Network(
            space,
            genotype,
            num_classes=dataset.num_classes,
            in_channels=dataset.train.images.shape[1],
            channels=config.channels,
            cells=config.cells,
            seed=seed,
        )
        fit(networks[name], train, protocol, seed=seed)
    test = Batches(dataset.test(), 256, shuffle=False, **common)
    rows = []
    for name, network in networks.items():
        score = evaluate(network, test)
        rows.append(
            {
                "name": name,
                "genotype": genotypes[name].to_text(),
                "parameters": sum(p.numel() for p in network.parameters()),
                "test_accuracy": score.accuracy,
                "test_loss": score.loss,
            }
        )
        if told is not None:
            told(rows[-1])
    return rows
