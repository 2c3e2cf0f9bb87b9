"""What a short training from scratch tells of a cell: rank correlation with a table.

Usage: ``OMP_NUM_THREADS=1 python perf/short_trainings.py CIFAR10.npz TABLE.csv.gz [--seed 320]
[--epochs 0.11 0.34] [--cells 333s33 ...]``. Trains each cell as the preset ``nasbench201-cpu``
trains its candidates, and prints, for each length, the losses and how they rank the cells
(Spearman, the table's validation column) less several bonuses for size. A cell is written by its
six edges, as ``perf/nasbench201_study.py`` says; without ``--cells``, 24 of 89.5 to 91.6 % there.
"""

from __future__ import annotations

import argparse
import time
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from nasbench201_study import LETTERS, TABULAR, VALID
from scipy.stats import spearmanr

from swarmnas.networks.seeding import seeded
from swarmnas.problems import Table
from swarmnas.recipes import load_preset
from swarmnas.rng import seed_sequence
from swarmnas.search import SearchConfig
from swarmnas.search.candidates import train_candidate
from swarmnas.search.loaders import images_of, set_epoch
from swarmnas.spaces import Genotype, create

CELLS = """333s33 333s31 313s31 133s13 333s13 133s33 13ss13 3s3s31 303s31 3s3s33 s301s3 3s33ss
303sss 1s033s 331s31 3s330s 333333 33s3s3 3033s1 131s31 31ss33 333p33 3ss3s3 113s13"""
BONUSES = 0.0, 0.05, 0.1, 0.15, 0.2, 0.3
SPACE = create(TABULAR)


def cell_of(letters: str) -> Genotype:
    """Return the genotype of six letters."""
    names = {letter: name for name, letter in LETTERS.items()}
    operations = SPACE.cells["cell"].operations_of(0)
    return SPACE.genotype_of({"cell": np.array([operations.index(names[one]) for one in letters])})


def main() -> None:
    """Train every cell for every length, and rank."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("table", type=Path)
    parser.add_argument("--seed", type=int, default=320)
    parser.add_argument("--epochs", type=float, nargs="+", default=[0.11, 0.34])
    parser.add_argument("--cells", nargs="+", default=CELLS.split())
    given = parser.parse_args()
    torch.set_num_threads(1)
    settings = load_preset("nasbench201-cpu") | {"dataset": given.dataset, "seed": given.seed}
    config = SearchConfig.from_mapping(settings)
    images = images_of(config, torch.device("cpu"))
    batches = config.valid_images // config.batch_size
    table = Table.read(given.table)
    cells = [cell_of(letters) for letters in given.cells]
    truth = table.column(VALID)[[table.row_of(cell.to_text()) for cell in cells]]

    def valid():
        set_epoch(images.valid, 1)
        return islice(iter(images.valid), batches)

    for epochs in given.epochs:
        began, trained = time.process_time(), []
        for cell in cells:
            with seeded(seed_sequence(given.seed)):
                trained.append(
                    train_candidate(
                        cell,
                        SPACE,
                        config,
                        images,
                        valid,
                        epochs=epochs,
                        device=torch.device("cpu"),
                    )
                )
        seconds = (time.process_time() - began) / len(cells)
        print(f"{epochs:g} epochs, {seconds:.1f} s of the processor a cell")
        losses = np.array([one.loss for one in trained])
        sizes = np.log([one.parameters for one in trained])
        for bonus in BONUSES:
            rank = spearmanr(bonus * sizes - losses, truth).statistic
            print(f"  bonus {bonus:g}: rank correlation {rank:+.2f}")
        for at in np.argsort(losses):
            print(f"  {given.cells[at]} loss {losses[at]:.4f} table {truth[at]:.2f}", flush=True)


if __name__ == "__main__":
    main()
