"""Which driver, which policy? Searches of the preset ``nasbench201-cpu``, looked up in the table.

Usage: ``OMP_NUM_THREADS=1 python perf/nasbench201_study.py CIFAR10.npz TABLE.csv.gz --seeds 0 1 2
[--only icso cso darts] [--space darts-s2] [--out FOLDER] [--before-candidates] [--reveal]``. A call
goes on with searches that were broken off and passes over those that ended; several calls may share
the folder, each with runs of its own. ``--before-candidates`` breaks every search off where its
candidates would be trained, for another call to go on with.

``largest-cell`` and ``random-cell`` search nothing: their candidates begin with that cell alone.

What a candidate comes to depends on its cell, the length of its training and the seed, not on the
search that proposed it: searches of one seed take it from each other's records.

A line a search: the cell at every epoch; the candidate that led by its score after 5, 10, 20, 30
and all short trainings; the answer; each with the table's validation accuracy; and the processor's
minutes of this call. ``--reveal`` adds the test accuracy of the answers, for once everything is
chosen. A cell is written by its six edges, 0-1, 0-2, 1-2, 0-3, 1-3, 2-3: ``3`` and ``1`` are
convolutions, ``s`` skip, ``p`` pooling, ``0`` none.

In ``--space darts-s2`` and ``darts-s4``, which no table knows, the line has the shares of skip
connections and of noise instead. Everything else is the preset's, but for three cells in the
supernet, the fewest that such a space can have.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import time
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from swarmnas.phases import Epochs, Policy, load_policy
from swarmnas.problems import Table
from swarmnas.recipes import load_preset
from swarmnas.runs import RunDirectory
from swarmnas.search import SearchConfig, loop, resume, run
from swarmnas.search.candidates import Trained, climb, train_candidate
from swarmnas.spaces import Genotype, Space, create

VALID, TEST = "cifar10_valid_200", "cifar10_test_200"
MILESTONES = (5, 10, 20, 30)
"""Short trainings after which the leading candidate is told."""
TABULAR, OTHERS = "nasbench201", ("darts-s2", "darts-s4")
LETTERS = {
    "nor_conv_3x3": "3", "nor_conv_1x1": "1", "skip_connect": "s", "avg_pool_3x3": "p", "none": "0",
}  # fmt: skip


def largest_cell(space: Space, seed: int) -> Genotype:
    """Return the cell of all 3x3 convolutions."""
    convolution = list(space.cells["cell"].operations_of(0)).index("nor_conv_3x3")
    return space.genotype_of({"cell": np.full(space.alpha_shapes["cell"][0], convolution)})


def random_cell(space: Space, seed: int) -> Genotype:
    """Return a cell drawn uniformly."""
    return space.random_genotype(np.random.default_rng(seed))


STARTS = {"largest-cell": largest_cell, "random-cell": random_cell}
"""What candidates begin with where nothing is searched."""


def warm_up_alone(epochs: int, *, of: int) -> Policy:
    """Return a policy that only trains weights, for some of the epochs of its plan."""
    warm_up = load_policy("g-icso-nas")["warm-up"]
    phase = warm_up.model_copy(update={"until": (Epochs(at_least=epochs),)})
    return Policy(name="warm-up-alone", phases=(phase,), epochs=of, max_epochs=of)


def methods() -> dict[str, dict[str, Any]]:
    """Return what each search changes in the preset; policies of our own as objects.

    All drivers evaluate 60 positions a generation, as ``icso`` does by itself; ``pso`` evaluates
    the personal bests again beside its particles.
    """
    hybrid = load_policy("g-icso-nas")
    swarm = hybrid["exploration"].optimizer_settings
    plain = {**swarm, "crowding_weight": 0.0}
    optimizers = {
        name: {"optimizer": name, "population_size": size}
        for name, size in (("cso", 60), ("pso", 30), ("cma", 60), ("random", 60))
    }
    policies = {name: {"policy": name} for name in ("darts", "beta-darts", "swarm-only")}
    lengths = {"epochs": hybrid.epochs, "max_epochs": hybrid.max_epochs}
    cold = Policy(name="no-warm-up", phases=hybrid.phases[1:], max_returns=1, **lengths)
    return {
        "icso": {},
        "icso-without-diversity": {"policy": hybrid.with_settings(optimizer_settings=plain)},
        **optimizers,
        **policies,
        "no-warm-up": {"policy": cold},
        **{name: {"policy": warm_up_alone(1, of=1), "epochs": 1} for name in STARTS},
    }


def short(text: str) -> str:
    """Return a cell's six letters."""
    return "".join(LETTERS[part.split("~")[0]] for part in text.replace("+", "").split("|") if part)


def begin_with(name: str, seed: int) -> None:
    """Let the candidates of what searches nothing begin with its cell, all others as they do."""
    start = STARTS.get(name)

    def climb_from(space: Space, starts: Any, *others: Any, **more: Any) -> dict[Genotype, float]:
        return climb(space, [start(space, seed)] if start else starts, *others, **more)

    loop.climb = climb_from


class Later(Exception):
    """A search was broken off before its candidates."""


def share_candidates(folder: Path, seed: int, *, later: bool) -> None:
    """Let the searches of a seed train each candidate once between them, or none for now."""
    known = {
        (record["genotype"], record["trained_epochs"]): Trained(
            *(record[name] for name in ("valid_loss", "valid_accuracy", "parameters", "score"))
        )
        for path in folder.glob(f"*-seed{seed}")
        for record in RunDirectory.open(path).history()
        if record["kind"] == "candidate"
    }

    def trained(genotype: Genotype, *others: Any, epochs: float, **more: Any) -> Trained:
        if later:
            raise Later
        key = genotype.to_text(), epochs
        if key not in known:
            known[key] = train_candidate(genotype, *others, epochs=epochs, **more)
        return known[key]

    loop.train_candidate = trained


def search(changes: dict[str, Any], path: Path, dataset: str, space: str, seed: int) -> float:
    """Search, or go on; return the processor's minutes since this call."""
    began = time.process_time()
    with contextlib.suppress(Later):
        start_or_go_on(changes, path, dataset, space, seed)
    return (time.process_time() - began) / 60


def start_or_go_on(
    changes: dict[str, Any], path: Path, dataset: str, space: str, seed: int
) -> None:
    """Search, or go on with a search that was broken off."""
    if (path / "config.toml").exists():
        resume(path)
    else:
        policy = changes.get("policy")
        if isinstance(policy, Policy):
            file = path.with_suffix(".toml")
            file.write_text(policy.to_toml())
            changes = {**changes, "policy": str(file)}
        settings = load_preset("nasbench201-cpu") | {"dataset": dataset, "seed": seed} | changes
        if space in OTHERS:
            settings |= {"space": space, "cells": 3}
        run(SearchConfig.from_mapping(settings), out=path)


def answer_of(path: Path) -> str | None:
    """Return what a search answered, unless it was broken off."""
    file = path / "genotype.json"
    return str(json.loads(file.read_text())["text"]) if file.exists() else None


def told(path: Path, table: Table, *, reveal: bool) -> tuple[str, float]:
    """Return the line of a search, and the figure that counts."""
    valid = table.column(VALID)
    records = RunDirectory.open(path).history()
    cells = [record["genotype"] for record in records if record["kind"] == "epoch"]
    answer = answer_of(path) or cells[-1]
    row = table.row_of(answer)
    course = " ".join(f"{short(cell)} {valid[table.row_of(cell)]:.2f}" for cell in cells)
    candidates = [record for record in records if record["kind"] == "candidate"]
    first = [one for one in candidates if one["trained_epochs"] == candidates[0]["trained_epochs"]]
    leaders = [
        min(first[:number], key=itemgetter("score"))["genotype"]
        for number in (*MILESTONES, len(first))
        if 0 < number <= len(first)
    ]
    lead = " ".join(f"{valid[table.row_of(leader)]:.2f}" for leader in leaders)
    figure = float((table.column(TEST) if reveal else valid)[row])
    test = f" test {figure:.2f}" if reveal else ""
    return f"{course} | {lead} | {short(answer)} {valid[row]:.2f}{test}", figure


def told_shares(path: Path) -> tuple[str, float]:
    """Return the line of a search in another space, and its share of both."""
    space = create(RunDirectory.open(path).config["search"]["space"])
    records = RunDirectory.open(path).history()
    last = [record["genotype"] for record in records if record["kind"] == "epoch"][-1]
    answer = answer_of(path) or last
    words, figure = [], 0.0
    for where, text in (("by the alphas", last), ("answer", answer)):
        genotype = space.parse(text)
        edges = sum(len(choices) for _, choices in genotype.cells)
        skips, noise = genotype.count("skip_connect") / edges, genotype.count("noise") / edges
        words.append(f"{where} skip {skips:.2f}, noise {noise:.2f}")
        figure = skips + noise
    return " | ".join([*words, answer]), figure


def main() -> None:
    """Search what is asked for, then print means and spreads."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("table", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--only", nargs="+", choices=list(methods()), default=list(methods()))
    parser.add_argument("--space", choices=[TABULAR, *OTHERS], default=TABULAR)
    parser.add_argument("--out", type=Path, help="default: runs/SPACE-study")
    parser.add_argument("--before-candidates", action="store_true", help="break off there")
    parser.add_argument("--reveal", action="store_true", help="show test accuracies")
    given = parser.parse_args()
    table = Table.read(given.table)
    given.out = given.out or Path(f"runs/{given.space}-study")
    given.out.mkdir(parents=True, exist_ok=True)
    for name in given.only:
        figures = []
        for seed in given.seeds:
            path = given.out / f"{name}-seed{seed}"
            share_candidates(given.out, seed, later=given.before_candidates)
            begin_with(name, seed)
            minutes = search(methods()[name], path, given.dataset, given.space, seed)
            if given.space == TABULAR:
                line, figure = told(path, table, reveal=given.reveal)
            else:
                line, figure = told_shares(path)
            figures.append(figure)
            print(f"{name} seed {seed} ({minutes:.1f} min): {line}", flush=True)
        spread = statistics.stdev(figures) if len(figures) > 1 else 0.0
        print(f"{name}: mean {statistics.mean(figures):.2f}, std {spread:.2f}", flush=True)


if __name__ == "__main__":
    main()
