"""What the bench costs: the share of a study's time spent in optimizer and problem, and two jobs.

Run on a quiet machine: python perf/bench_overhead.py
Baselines: all of the time (share 1), and one job (speed-up 1). Wanted: at least 0.85 and 1.8.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
import time

import numpy as np

from swarmnas.bench import Study, run

REPEATS = 5


def study(seeds: int) -> Study:
    """Return a study of so many runs of `cso` on the sphere, D=20, 20,000 evaluations each."""
    return Study.from_mapping(
        {"problems": ["sphere"], "dims": [20], "optimizers": ["cso"], "seeds": seeds}
    )


def timed(study: Study, jobs: int) -> tuple[float, float]:
    """Return the seconds of a study and the share inside optimizer and problem."""
    with tempfile.TemporaryDirectory() as home:
        begun = time.perf_counter()
        store = run(study, f"{home}/store", jobs=jobs)
        seconds = time.perf_counter() - begun
        clocks = [record["timing"] for record in store.history()]
    return seconds, sum(clock["problem"] + clock["optimizer"] for clock in clocks) / seconds


def main() -> None:
    """Print both figures as JSON, with machine and versions."""
    load = os.getloadavg()[0]
    shares = [timed(study(20), 1)[1] for _ in range(REPEATS)]
    ratios = [timed(study(200), 1)[0] / timed(study(200), 2)[0] for _ in range(REPEATS)]
    report = {
        "share_inside": {"mean": statistics.mean(shares), "std": statistics.stdev(shares)},
        "two_jobs_over_one": {"mean": statistics.mean(ratios), "std": statistics.stdev(ratios)},
        "runs": REPEATS,
        "cores": os.cpu_count(),
        "load_before": load,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
