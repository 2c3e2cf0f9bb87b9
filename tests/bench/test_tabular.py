"""Search in a table: random search against its exact expectation, and the discrete baselines."""

from itertools import pairwise

import numpy as np
import pytest

from swarmnas.bench import Finished, Objective, Study, run
from swarmnas.bench.catalogue import run as run_one
from swarmnas.bench.results import Results
from swarmnas.problems import Problem, Table
from swarmnas.reports import reveal
from tests.shared_data import shared_file

VALID, TEST = "cifar10_valid_200", "cifar10_test_200"


def expectation(table, queries):
    """Return the exact means of both columns for the cell best on valid of so many draws."""
    valid, test = table.column(VALID), table.column(TEST)
    values, group, sizes = np.unique(valid, return_inverse=True, return_counts=True)
    reached = np.cumsum(sizes) / len(valid)
    chance = reached**queries - (reached - sizes / len(valid)) ** queries
    return (chance * values).sum(), (chance * np.bincount(group, test) / sizes).sum()


@pytest.mark.parametrize("queries", [100, 300, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["cell-random", "random"])
def test_random_search_meets_the_exact_expectation_on_both_columns(tmp_path, queries, name):
    path = shared_file("nasbench201_cifar10.csv.gz")
    table = Table.read(path)
    problem = {"name": "tabular", "settings": {"table": str(path), "column": VALID}}
    study = Study.from_mapping(
        {
            "problems": [problem],
            "dims": [30],
            "optimizers": [{"name": name, "population_size": 50}],
            "seeds": 200,
            "budget": queries,
        }
    )
    store = run(study, tmp_path / "store")
    records = store.history()
    assert not any(TEST in str(record) for record in records)
    rows = [table.row_of(record["found"]) for record in records]
    assert [100 - float(table.column(VALID)[row]) for row in rows] == pytest.approx(
        [r["best_error"] + 100 - table.column(VALID).max() for r in records]
    )
    for column, wanted in zip((VALID, TEST), expectation(table, queries), strict=True):
        found = table.column(column)[rows]
        assert abs(found.mean() - wanted) <= 3 * found.std(ddof=1) / len(found) ** 0.5
    revealed = reveal(Results.read(tmp_path / "store"), TEST)[0]
    assert revealed["test"][0] == pytest.approx(table.column(TEST)[rows].mean())


def toy(choices=(3, 4, 2, 5), budget=200, **settings):
    """Return the objective of counting the choices that are not their last option."""
    starts = np.cumsum([0, *choices])

    def loss(rows):
        picked = [rows[:, a:b].argmax(axis=1) for a, b in pairwise(starts)]
        return sum(
            (size - 1 - p for p, size in zip(picked, choices, strict=True)), np.zeros(len(rows))
        )

    width = sum(choices)
    problem = Problem(
        name="toy",
        lower=np.full(width, -1.0),
        upper=np.ones(width),
        function=loss,
        minimum=0.0,
        choices=choices,
    )
    return Objective(problem, budget=budget, **settings)


@pytest.mark.parametrize("name", ["cell-evolution", "cell-local", "cell-random"])
def test_discrete_baselines_spend_the_budget_and_repeat_themselves(name):
    runs = []
    for seed in (1, 1, 2):
        objective = toy()
        assert run_one(name, objective, seed=np.random.SeedSequence(seed)) == ["budget"]
        assert objective.evaluations == 200
        runs.append(objective.trace())
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_local_search_climbs_and_evolution_beats_chance():
    def mean_error(name):
        errors = []
        for seed in range(20):
            objective = toy(choices=(5,) * 10, budget=400)
            run_one(name, objective, seed=np.random.SeedSequence(seed))
            errors.append(objective.best_error)
        return np.mean(errors)

    chance = mean_error("cell-random")
    assert mean_error("cell-evolution") < chance - 3
    assert mean_error("cell-local") < chance - 3


def test_the_objective_ends_the_baselines():
    objective = toy(stop_error=0.5)
    run_one("cell-local", objective, seed=np.random.SeedSequence(0))
    with pytest.raises(Finished):
        objective.one(np.zeros(14))
