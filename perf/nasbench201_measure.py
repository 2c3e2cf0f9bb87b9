"""How well do swarms do what they are asked, and what is it worth? On the preset's supernets.

Usage: ``OMP_NUM_THREADS=1 python perf/nasbench201_measure.py CIFAR10.npz TABLE.csv.gz
--seeds 402 404 405 [--study FOLDER]``, after ``perf/nasbench201_study.py`` with the same seeds.

A seed's weights learn as they do in warm-up and exploration, which no swarm has a say in. Then 500
random cells of the table are judged on 512 validation images, by what the mixture loses without
them, as the preset's particles are, and by their own loss. Printed are the rank correlations
(Spearman) with the table's validation column, over all of them and over those of 89 % or more,
with that of the number of parameters beside them. Then, for each driver of the study, which share
of the random cells its cell at the end of exploration is better than: by the measure that it was
found by, and by the table.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from nasbench201_study import TABULAR, VALID, search, short, warm_up_alone
from scipy.stats import spearmanr

from swarmnas.phases import load_policy
from swarmnas.problems import Table
from swarmnas.runs import RunDirectory
from swarmnas.search.ranking import cell_losses

RANDOM, IMAGES, GOOD = 500, 512, 89.0
DRIVERS = ("icso", "icso-without-diversity", "cso", "pso", "cma", "random")


def weights_alone(dataset: str, seed: int, folder: Path) -> Path:
    """Train a seed's weights to the end of exploration; return the run directory."""
    hybrid = load_policy("g-icso-nas")
    until = sum(hybrid[name].planned_epochs for name in ("warm-up", "exploration"))
    path = folder / f"weights-seed{seed}"
    changes = {"policy": warm_up_alone(until, of=hybrid.epochs), "candidates": 0}
    search(changes, path, dataset, TABULAR, seed)
    return path


def held(path: Path) -> str:
    """Return the cell that a search held at the end of exploration."""
    epochs = [r for r in RunDirectory.open(path).history() if r["kind"] == "epoch"]
    return str([r["genotype"] for r in epochs if r["phase"] == "exploration"][-1])


def main() -> None:
    """Train, judge, print."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("table", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--study", type=Path, default=Path("runs/nasbench201-study"))
    given = parser.parse_args()
    table = Table.read(given.table)
    known, rng = table.column(VALID), np.random.default_rng(0)
    rows = rng.choice(len(table.archs), RANDOM, replace=False)
    truth, sizes = known[rows], table.column("cifar10_params")[rows]
    good = truth >= GOOD
    given.study.mkdir(parents=True, exist_ok=True)
    for seed in given.seeds:
        run = weights_alone(given.dataset, seed, given.study)
        paths = {name: given.study / f"{name}-seed{seed}" for name in DRIVERS}
        found = {name: held(path) for name, path in paths.items() if path.exists()}
        cells = [table.archs[row] for row in rows] + list(found.values())
        lost, own = (
            next(cell_losses(run, cells, num_images=IMAGES, ablated=ablated, last=True))[1]
            for ablated in (True, False)
        )
        print(f"seed {seed}, {good.sum()} cells of {GOOD} % or more")
        scores = {"lost without it": -lost[:RANDOM], "its own loss": -own[:RANDOM]}
        for name, score in {**scores, "parameters": sizes}.items():
            overall = spearmanr(score, truth).statistic
            among = spearmanr(score[good], truth[good]).statistic
            print(f"  {name}: all {overall:+.2f}, good ones {among:+.2f}")
        for (name, cell), loss in zip(found.items(), lost[RANDOM:], strict=True):
            figure = known[table.row_of(cell)]
            better = 100 * np.mean(loss < lost[:RANDOM])
            by_table = 100 * np.mean(figure > truth)
            print(f"  {name}: {short(cell)} {figure:.2f}, better than {better:.1f} % by the "
                  f"measure, {by_table:.1f} % by the table", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
