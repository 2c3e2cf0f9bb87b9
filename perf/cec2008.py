"""Reproduce published CSO and SL-PSO figures on CEC 2008 functions: ours beside theirs.

Run it as ``OMP_NUM_THREADS=1 python perf/cec2008.py`` (about ten minutes), or with
``--dims 100`` for the short half. The last column says whether the mean lies where the figures
allow; the exit code is 1 where one does not. With ``--sphere-shift FILE``, the official shift of F1
(numbers between spaces; it comes with other packages), only F1 is run, at that shift.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import swarmnas
from swarmnas.optimizers import create
from swarmnas.problems import problems


@dataclass(frozen=True)
class Case:
    """One cell of a published table, and the interval that ours should lie in."""

    method: str
    num_dims: int
    function: int
    published: str
    low: float
    high: float
    settings: tuple[tuple[str, float], ...] = ()


# Where phi is not 0, the authors give one for separable functions and one for others.
SEPARABLE, OTHERS = (("phi", 0.1),), (("phi", 0.05),)
CASES = (
    Case("cso", 100, 1, "9.11e-29", 0, 1e-27),
    Case("cso", 100, 2, "3.35e+01", 24, 40),
    Case("cso", 100, 3, "3.90e+02", 50, 1000),
    Case("cso", 100, 4, "5.60e+01", 45, 80),
    Case("cso", 100, 5, "0", 0, 0),
    Case("cso", 100, 6, "1.20e-14", 0.8e-14, 1.6e-14),
    Case("sl-pso", 100, 1, "1.09e-27", 0.3e-27, 4e-27),
    Case("sl-pso", 100, 2, "9.45e-06", 1e-6, 5e-5),
    Case("sl-pso", 100, 4, "7.46e+01", 65, 110),
    Case("sl-pso", 100, 6, "2.10e-14", 1e-14, 3e-14),
    Case("cso", 500, 1, "6.57e-23", 5e-23, 9e-23, SEPARABLE),
    Case("cso", 500, 5, "2.22e-16", 0, 4.5e-16, OTHERS),
    Case("cso", 500, 6, "4.13e-13", 3.5e-13, 4.5e-13, SEPARABLE),
)


def error(case: Case, seed: int, shift: np.ndarray | None) -> float:
    """Return the error after 5000 evaluations a dimension.

    Every seed has a shift of its own unless one is given.
    """
    problem = problems.load(f"cec2008-f{case.function}")(num_dims=case.num_dims, instance=seed + 1)
    moved = 0.0 if shift is None else problem.minimiser - shift[: case.num_dims]
    swarm = create(
        case.method,
        bounds=problem.bounds,
        seed=seed,
        max_evaluations=5000 * case.num_dims,
        **dict(case.settings),
    )
    while not swarm.stop_reasons():
        rows = swarm.ask()
        swarm.tell(rows, problem(rows + moved))
    return swarm.best_loss - problem.minimum


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dims", type=int, nargs="+", default=[100, 500])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sphere-shift", type=Path)
    given = parser.parse_args()
    shift = None if given.sphere_shift is None else np.loadtxt(given.sphere_shift).ravel()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()},")
    print(f"NumPy {np.__version__}, swarmnas {swarmnas.__version__}; seeds 0-{given.seeds - 1}\n")
    print(
        "| method | D | function | published | ours, mean | spread (std) | allowed | ok | s a run |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    missed = 0
    for case in CASES:
        if case.num_dims not in given.dims or (shift is not None and case.function != 1):
            continue
        start = time.perf_counter()
        errors = np.array([error(case, seed, shift) for seed in range(given.seeds)])
        seconds = (time.perf_counter() - start) / given.seeds
        fits = case.low <= errors.mean() <= case.high
        missed += not fits
        print(
            f"| {case.method} | {case.num_dims} | F{case.function} | {case.published} "
            f"| {errors.mean():.2e} | {errors.std(ddof=1):.1e} | {case.low:g} to {case.high:g} "
            f"| {'yes' if fits else 'NO'} | {seconds:.1f} |",
            flush=True,
        )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
