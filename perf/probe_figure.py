"""How a supernet's rank correlation with a table goes from epoch to epoch, as a figure.

Usage: ``OMP_NUM_THREADS=1 python perf/probe_figure.py CIFAR10.npz TABLE.csv.gz --out FILE.svg
[--seeds 100 101] [--policies g-icso-nas darts] [--folder FOLDER]``.

Searches by the preset ``nasbench201-cpu``, without candidates, keep the checkpoints of all their
epochs; a call goes on with searches that were broken off. At each epoch, 250 cells of the table,
drawn alike, are evaluated on 256 validation images: each alone, and by what the supernet loses
without it. The correlations (Spearman) with the table's validation column are printed, too.
"""

from __future__ import annotations

import argparse
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from nasbench201_study import TABULAR, VALID, search

from swarmnas.phases import load_policy
from swarmnas.problems import Table
from swarmnas.runs import RunDirectory
from swarmnas.search import rank_cells

STYLES = {"alone": ("#b5541c", "--"), "by what is lost without it": ("#1f6f8b", "-")}


def searched(name: str, dataset: str, seed: int, folder: Path) -> Path:
    """Search by a policy that keeps every epoch; return the run directory."""
    path, policy = folder / f"{name}-seed{seed}", load_policy(name)
    kept = policy.model_copy(update={"keep_epochs": policy.max_epochs})
    search({"policy": kept, "candidates": 0}, path, dataset, TABULAR, seed)
    return path


def draw(axes: Any, runs: list[Path], known: dict[str, float]) -> None:
    """Rank by every epoch of some runs; print and draw."""
    for number, path in enumerate(runs):
        for name, (colour, line) in STYLES.items():
            rankings = rank_cells(path, known, num_images=256, ablated=name != "alone")
            found = [ranking for ranking in rankings if ranking.epoch > 0]
            values = [ranking.correlation for ranking in found]
            print(f"{path.name}, {name}:", *(f"{value:+.2f}" for value in values), flush=True)
            label = name if number == 0 else None
            axes.plot([ranking.epoch for ranking in found], values, line, color=colour, marker=".",
                      label=label)  # fmt: skip
    epochs = [r for r in RunDirectory.open(runs[0]).history() if r["kind"] == "epoch"]
    for phase, own in groupby(epochs, key=itemgetter("phase")):
        start = next(own)["epoch"] - 0.5
        axes.axvline(start, color="0.6", linewidth=0.8)
        axes.text(start + 0.1, 0.97, phase, va="top", color="0.4", fontsize=8,
                  transform=axes.get_xaxis_transform())  # fmt: skip
    axes.axhline(0, color="0.6", linewidth=0.8)
    axes.set(xlabel="epoch", xlim=(0.5, epochs[-1]["epoch"] + 0.3), ylim=(-0.6, 1))


def main() -> None:
    """Search what is not there, then rank and draw, a panel for each policy."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("table", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101])
    parser.add_argument("--policies", nargs="+", default=["g-icso-nas", "darts"])
    parser.add_argument("--folder", type=Path, default=Path("runs/probe-figure"))
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    table = Table.read(given.table)
    known = dict(zip(table.archs, table.column(VALID).tolist(), strict=True))
    given.folder.mkdir(parents=True, exist_ok=True)
    matplotlib.rcParams["svg.hashsalt"] = "swarmnas"  # the same picture, the same file
    figure = Figure(figsize=(4.2 * len(given.policies), 3.4))
    panels = figure.subplots(1, len(given.policies), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, given.policies, strict=True):
        runs = [searched(name, given.dataset, seed, given.folder) for seed in given.seeds]
        draw(axes, runs, known)
        axes.set_title(name, fontsize=10)
    panels[0].set_ylabel("rank correlation with the table")
    panels[0].legend(frameon=False, loc="lower left", fontsize=8)
    figure.tight_layout()
    figure.savefig(given.out, metadata={"Date": None})


if __name__ == "__main__":
    main()
