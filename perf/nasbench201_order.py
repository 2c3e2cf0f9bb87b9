"""Does our 12-epoch training order two cells as NAS-Bench-201's table does?

Usage: ``python perf/nasbench201_order.py CIFAR10.npz TABLE.csv.gz [--seeds 0 1 2] [--out FOLDER]``.

The cells are chosen by the table's 12-epoch validation column alone: its best cell, and the one
that four fifths of all cells beat. Each is trained by the protocol ``nasbench201-12``, unchanged
but for what SHORT names, with each seed; validation images decide, test images are not read.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import statistics
import time
from pathlib import Path

import torch

from swarmnas.spaces import create
from swarmnas.training import TrainingConfig, load_protocol, train

SHORT = {"image_size": 16, "train_images": 12_500, "valid_share": 0.2, "channels": 8, "cells": 1}
"""What fits minutes of one CPU core; the benchmark: 32 pixels, 25,000 images, 16 channels, 5."""

COLUMN = "cifar10_valid_12"


def main() -> None:
    """Train the two cells with each seed; print each training, then means and spreads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images")
    parser.add_argument("table", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/nasbench201-order"))
    options = parser.parse_args()
    with gzip.open(options.table, "rt") as lines:
        rows = sorted(csv.DictReader(lines), key=lambda row: -float(row[COLUMN]))
    protocol = load_protocol("nasbench201-12").with_settings(SHORT)
    print(f"torch {torch.__version__}, {options.threads} thread(s); {SHORT}", flush=True)
    scores: dict[int, list[float]] = {}
    for seed in options.seeds:
        for rank in (1, 4 * len(rows) // 5 + 1):
            began = time.perf_counter()
            last = train(
                create("nasbench201").parse(rows[rank - 1]["arch"]),
                TrainingConfig(dataset=options.images, seed=seed, threads=options.threads),
                protocol,
                out=options.out / f"rank{rank}-seed{seed}",
                overwrite=True,
            ).last
            scores.setdefault(rank, []).append(100 * last["valid_accuracy"])
            print(
                f"seed {seed}  rank {rank}: {scores[rank][-1]:.2f} % of held-out images, "
                f"{time.perf_counter() - began:.0f} s",
                flush=True,
            )
    for rank, values in scores.items():
        row = rows[rank - 1]
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        print(
            f"rank {rank}: table {float(row[COLUMN]):.2f} %, ours {statistics.mean(values):.2f} "
            f"({spread:.2f})  {row['arch']}"
        )


if __name__ == "__main__":
    main()
