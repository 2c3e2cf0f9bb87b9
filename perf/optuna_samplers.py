"""Compare Optuna's samplers with ours on ten BBOB functions at 400 trials.

Run: python perf/optuna_samplers.py [--dims 5] [--seeds 5] [--out FILE]. Needs the extras optuna and
bbob. Every row of the file is one run: function, instance, sampler, seed, error at the end.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import optuna
from scipy.stats import rankdata, wilcoxon

from swarmnas.integrations import SwarmSampler
from swarmnas.problems import create

FUNCTIONS = (1, 3, 6, 8, 10, 13, 15, 17, 20, 21)
INSTANCES = (1, 2, 3)
TRIALS = 400
SAMPLERS = {
    "RandomSampler": optuna.samplers.RandomSampler,
    "TPESampler": optuna.samplers.TPESampler,
    "CmaEsSampler": optuna.samplers.CmaEsSampler,
    "SwarmSampler": SwarmSampler,
}


def play(sampler: str, function: int, instance: int, dims: int, seed: int) -> float:
    """Return the error after all trials of one study."""
    problem = create(f"bbob-f{function}", num_dims=dims, instance=instance)
    names = [f"x{k}" for k in range(dims)]

    def objective(trial: optuna.Trial) -> float:
        row = [trial.suggest_float(name, -5.0, 5.0) for name in names]
        return float(problem(np.array([row]))[0])

    study = optuna.create_study(sampler=SAMPLERS[sampler](seed=seed))
    study.optimize(objective, n_trials=TRIALS)
    return study.best_value - problem.minimum


def report(errors: dict[str, dict[int, list[float]]]) -> None:
    """Print a table, mean ranks, and our runs against each other sampler's."""
    names = list(errors)
    runs = np.array([[errors[name][function] for function in FUNCTIONS] for name in names])
    median = np.median(runs, axis=-1)  # (sampler, function)
    print(f"| function | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for k, function in enumerate(FUNCTIONS):
        low, high = np.quantile(runs[:, k], (0.25, 0.75), axis=-1)
        cells = zip(median[:, k], low, high, strict=True)
        texts = " | ".join(f"{m:.2g} ({a:.2g} to {b:.2g})" for m, a, b in cells)
        print(f"| f{function} | {texts} |")
    ranks = rankdata(median, axis=0).mean(axis=1)
    print(f"| mean rank | {' | '.join(f'{rank:.2f}' for rank in ranks)} |")
    ours = names.index("SwarmSampler")
    for k, name in enumerate(names):
        if k != ours:
            wins = int((median[ours] < median[k]).sum())
            p = wilcoxon(np.log10(median[ours] + 1e-8), np.log10(median[k] + 1e-8)).pvalue
            print(f"SwarmSampler beats {name} on {wins} of {len(FUNCTIONS)}; signed-rank p {p:.3g}")


def main() -> None:
    """Run all samplers on all functions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dims", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("optuna_samplers.csv"))
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    errors: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    seconds: dict[str, float] = defaultdict(float)
    with given.out.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["function", "instance", "sampler", "seed", "error"])
        for sampler in SAMPLERS:
            for function in FUNCTIONS:
                for instance in INSTANCES:
                    for seed in range(given.seeds):
                        start = time.perf_counter()
                        error = play(sampler, function, instance, given.dims, seed)
                        seconds[sampler] += time.perf_counter() - start
                        errors[sampler][function].append(error)
                        rows.writerow([f"f{function}", instance, sampler, seed, repr(error)])
                        file.flush()
    report(errors)
    count = TRIALS * len(FUNCTIONS) * len(INSTANCES) * given.seeds
    for sampler, total in seconds.items():
        print(f"{sampler}: {1000 * total / count:.2f} ms a trial")
    print(f"optuna {optuna.__version__}, Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
