"""How a supernet's rank correlation with a table goes from epoch to epoch, as a figure.

Usage: ``OMP_NUM_THREADS=1 python perf/probe_figure.py TABLE.csv.gz RUN [RUN ...] --out FILE.svg``.

The runs kept the checkpoints of all their epochs (``keep_epochs`` of their policies). At each, 250
cells of the table, drawn alike, are evaluated on 256 validation images: each alone, and by what
the supernet loses without it. The correlations (Spearman) are printed, too.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from swarmnas.problems import Table
from swarmnas.runs import RunDirectory
from swarmnas.search import rank_cells

COLUMN = "cifar10_valid_200"
STYLES = {"alone": ("#b5541c", "--"), "by what is lost without it": ("#1f6f8b", "-")}


def main() -> None:
    """Rank, print and draw."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    table = Table.read(given.table)
    known = dict(zip(table.archs, table.column(COLUMN).tolist(), strict=True))
    matplotlib.rcParams["svg.hashsalt"] = "swarmnas"  # the same picture, the same file
    figure = Figure(figsize=(7, 3.4))
    axes = figure.subplots()
    for number, run in enumerate(given.runs):
        for name, (colour, line) in STYLES.items():
            found = list(rank_cells(run, known, num_images=256, ablated=name != "alone"))
            epochs = [ranking.epoch for ranking in found]
            values = [ranking.correlation for ranking in found]
            print(f"{run.name}, {name}:", *(f"{value:+.2f}" for value in values), flush=True)
            label = name if number == 0 else None
            axes.plot(epochs, values, line, color=colour, marker=".", label=label)
    phases = [r for r in RunDirectory.open(given.runs[0]).history() if r["kind"] == "epoch"]
    for before, after in pairwise(phases):
        if before["phase"] != after["phase"]:
            axes.axvline(before["epoch"] + 0.5, color="0.6", linewidth=0.8)
            axes.text(after["epoch"] - 0.4, 0.95, after["phase"], va="top", color="0.4", fontsize=8,
                      transform=axes.get_xaxis_transform())  # fmt: skip
    axes.axhline(0, color="0.6", linewidth=0.8)
    axes.set(xlabel="epoch", ylabel="rank correlation with the table", ylim=(-0.6, 1))
    axes.legend(frameon=False, loc="lower right")
    figure.tight_layout()
    figure.savefig(given.out, metadata={"Date": None})


if __name__ == "__main__":
    main()
