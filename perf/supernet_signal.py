r"""What a supernet's losses say of operations, epoch by epoch: the signal that a swarm reads.

Weights are trained under Dirichlet(0.5) mixtures of the NAS-Bench-201 cell, or under the uniform
one. At the named epochs many random particles are evaluated on the same validation images, a linear
model of their losses in their mixing weights is fitted, and the cell that it likes best is looked
up in a table's validation column. So it shows what a swarm could find if it lost nothing to noise.

    OMP_NUM_THREADS=1 python perf/supernet_signal.py cifar10.npz nasbench201_cifar10.csv.gz \
        --under uniform --epochs 2 4 6 --seed 101
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch.nn import functional

from swarmnas import spaces
from swarmnas.datasets import Batches, load
from swarmnas.networks import Supernet
from swarmnas.problems import Table
from swarmnas.search.drivers import without

PARTICLES, IMAGES, PLAN = 400, 256, 16
"""Particles, images for each, and the epochs that the rate's cosine is laid out for."""
SPACE = spaces.create("nasbench201")
EDGES, OPERATIONS = SPACE.alpha_shapes["cell"]


def best_cell(mixing: Any, losses: Any) -> tuple[Any, float]:
    """Return the operations that a ridge regression likes best, and how much it explains."""
    rows = mixing.reshape(len(mixing), -1)
    rows = rows - rows.mean(axis=0)
    rest = losses - losses.mean()
    penalty = 1e-3 * len(rows) / rows.shape[1] * np.eye(rows.shape[1])
    effects = np.linalg.solve(rows.T @ rows + penalty, rows.T @ rest)
    explained = 1 - np.var(rest - rows @ effects) / np.var(rest)
    return effects.reshape(EDGES, OPERATIONS).argmin(axis=1), float(explained)


def softmax(logits: Any) -> Any:
    """Return it over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def train_epoch(
    supernet: Supernet,
    train: Batches,
    sgd: torch.optim.SGD,
    rng: np.random.Generator,
    *,
    under: str,
) -> None:
    """Train the weights under mixing weights drawn for each batch, or under the uniform ones."""
    uniform = np.full((EDGES, OPERATIONS), 1 / OPERATIONS)
    for images, labels in train:
        drawn = under == "dirichlet"
        mixing = rng.dirichlet(np.full(OPERATIONS, 0.5), size=EDGES) if drawn else uniform
        logits = supernet(images, mixing={"cell": torch.as_tensor(mixing, dtype=torch.float32)})
        sgd.zero_grad(set_to_none=True)
        functional.cross_entropy(logits, labels).backward()
        torch.nn.utils.clip_grad_norm_(supernet.weight_parameters(), 5.0)
        sgd.step()


def readings(
    supernet: Supernet, batches: Iterator[Any], table: Table, column: str, rng: np.random.Generator
) -> Iterator[str]:
    """Yield a line for each way to evaluate particles, and one for the gradient."""
    figures = table.column(column)

    def told(name: str, cell: Any, more: str) -> str:
        text = SPACE.genotype_of({"cell": np.asarray(cell)}).to_text()
        return f"  {name}: {text} {figures[table.row_of(text)]:.2f} {more}"

    images, labels = next(batches)
    for deviation in (1.0, 2.5):
        mixing = softmax(rng.normal(0, deviation, (PARTICLES, EDGES, OPERATIONS)))
        tensors = {"cell": torch.as_tensor(mixing, dtype=torch.float32)}
        losses = supernet.evaluate_swarm(images, labels, mixing=tensors).numpy()
        cell, explained = best_cell(mixing, losses)
        yield told(f"mixed, logits N(0, {deviation})", cell, f"explained {explained:.2f}")
    columns = rng.integers(0, OPERATIONS, (PARTICLES, EDGES))
    texts = [SPACE.genotype_of({"cell": row}).to_text() for row in columns]
    truth = [figures[table.row_of(text)] for text in texts]
    uniform = {"cell": torch.full((EDGES, OPERATIONS), 1 / OPERATIONS)}
    judged = {
        "discrete": {"operations": {"cell": torch.as_tensor(columns)}},
        "ablated": {"mixing": without(uniform, {"cell": columns})},
    }
    for name, particles in judged.items():
        losses = supernet.evaluate_swarm(images, labels, **particles).numpy()
        losses = -losses if name == "ablated" else np.minimum(losses, 4.0)
        cell, explained = best_cell(np.eye(OPERATIONS)[columns], losses)
        rank = spearmanr(-losses, truth).statistic
        yield told(name, cell, f"explained {explained:.2f}, rank correlation {rank:+.2f}")
    alphas = torch.zeros(EDGES, OPERATIONS, requires_grad=True)
    total = torch.zeros(EDGES, OPERATIONS)
    for _ in range(10):
        images, labels = next(batches)
        logits = supernet(images, mixing={"cell": alphas.softmax(-1)})
        total += torch.autograd.grad(functional.cross_entropy(logits, labels), alphas)[0]
    yield told("gradient at the centre", total.argmin(dim=1).numpy(), "")


def main() -> None:
    """Train, and print the readings at the named epochs."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("dataset", help="an .npz file or a data set's name")
    parser.add_argument("table", type=Path)
    parser.add_argument("--column", default="cifar10_valid_200")
    parser.add_argument("--epochs", type=int, nargs="+", default=[2, 5, 8])
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--cells", type=int, default=1, help="a stage")
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--under", choices=["dirichlet", "uniform"], default="dirichlet")
    given = parser.parse_args()
    torch.set_num_threads(1)
    dataset = load(given.dataset, image_size=16, train_images=25_000, seed=given.seed)
    parts = dataset.split(valid_share=0.5, seed=given.seed)
    common: dict[str, Any] = {"mean": dataset.mean, "std": dataset.std, "drop_last": True}
    train = Batches(parts[0], 128, seed=given.seed, augment="crop+flip", **common)
    valid = Batches(parts[1], IMAGES, seed=given.seed + 1, **common)
    supernet = Supernet(SPACE, num_classes=10, channels=8, cells=given.cells, seed=given.seed)
    sgd = torch.optim.SGD(
        supernet.weight_parameters(), lr=given.rate, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    rng, probe = np.random.default_rng(given.seed), np.random.default_rng(5)
    table = Table.read(given.table)
    for epoch in range(1, max(given.epochs) + 1):
        progress = (1 + math.cos(math.pi * (epoch - 1) / PLAN)) / 2
        sgd.param_groups[0]["lr"] = 0.001 + (given.rate - 0.001) * progress
        train.set_epoch(epoch)
        train_epoch(supernet, train, sgd, rng, under=given.under)
        if epoch in given.epochs:
            valid.set_epoch(epoch)
            print(f"epoch {epoch}")
            for line in readings(supernet, iter(valid), table, given.column, probe):
                print(line, flush=True)


if __name__ == "__main__":
    main()
