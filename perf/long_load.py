"""Does memory stay flat, and are files closed, under long load?

    python perf/long_load.py asktell --evaluations 1000000
    python perf/long_load.py bench --minutes 20

Prints the resident memory through the run, its slope after the first fifth (the warm-up) by least
squares, and how many files were open at the start and at the end. Linux only (/proc).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from swarmnas import bench, optimizers

SAMPLES = 200


def resident() -> float:
    """Return this process's resident memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def open_files() -> int:
    """Return how many files this process has open."""
    return len(os.listdir("/proc/self/fd"))


def asktell(evaluations: int) -> list[tuple[float, float]]:
    """Ask and tell so many evaluations; return (evaluations, MiB) through it."""
    swarm = optimizers.create("icso", bounds=(-np.ones(50), np.ones(50)), seed=0)
    found, every = [], max(1, evaluations // SAMPLES)
    while swarm.evaluations < evaluations:
        positions = swarm.ask()
        swarm.tell(positions, (positions**2).sum(axis=1))
        if swarm.evaluations // every > len(found):
            found.append((swarm.evaluations, resident()))
    return found


def long_bench(minutes: float) -> list[tuple[float, float]]:
    """Run units of a study one after another; return (units, MiB) through it."""
    settings = {"suite": "classic", "dims": [10], "optimizers": ["icso", "cso", "pso"]}
    study = bench.Study.from_mapping({**settings, "seeds": 500, "budget": 2000})
    ends, found = time.monotonic() + minutes * 60, list[tuple[float, float]]()

    def progress(done: bench.Progress) -> None:
        if time.monotonic() > ends:
            raise KeyboardInterrupt
        share = 1 - (ends - time.monotonic()) / (minutes * 60)
        if share * SAMPLES > len(found):
            found.append((done.done, resident()))

    with tempfile.TemporaryDirectory() as home, contextlib.suppress(KeyboardInterrupt):
        bench.run(study, f"{home}/store", progress=progress)
    return found


def main() -> None:
    """Run the chosen load and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("load", choices=["asktell", "bench"])
    parser.add_argument("--evaluations", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=20.0)
    given = parser.parse_args()
    files, began = open_files(), time.monotonic()
    if given.load == "asktell":
        found, unit = asktell(given.evaluations), "evaluations"
    else:
        found, unit = long_bench(given.minutes), "units"
    done, memory = np.array(found).T
    late = done >= done[-1] / 5
    slope = np.polyfit(done[late], memory[late], 1)[0]
    print(f"{done[-1]:,.0f} {unit} in {time.monotonic() - began:.0f} s")
    print(f"memory: {memory[late][0]:.1f} MiB after warm-up, {memory[-1]:.1f} MiB at the end")
    print(f"slope: {slope * done[-1]:+.2f} MiB over the run")
    print(f"open files: {files} before, {open_files()} after")


if __name__ == "__main__":
    main()
