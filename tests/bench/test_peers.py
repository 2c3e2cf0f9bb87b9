"""Other packages' optimizers: run under our count, repeatable, better than chance."""

import numpy as np
import pytest

from swarmnas.bench import Objective
from swarmnas.bench.catalogue import check, entrants, run
from swarmnas.errors import MissingDependencyError
from swarmnas.problems import create

PEERS = sorted(name for name in entrants if not name.startswith("cell-"))


def played(name, seed, budget=600):
    objective = Objective(create("sphere", num_dims=3), budget=budget)
    try:
        check(name, objective.problem, budget=budget)
    except MissingDependencyError as missing:
        pytest.skip(str(missing))
    run(name, objective, seed=np.random.SeedSequence(seed))
    return objective


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_spends_the_budget_repeats_itself_and_beats_chance(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    budget = 120 if name == "optuna-tpe" else 600
    first, again = played(name, 1, budget), played(name, 1, budget)
    assert first.trace() == again.trace()
    assert 0.5 * budget < first.evaluations <= budget
    assert first.trace() != played(name, 2, budget).trace()
    chance = Objective(create("sphere", num_dims=3), budget=budget)
    run("random", chance, seed=np.random.SeedSequence(0))
    assert first.best_error < chance.best_error
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert list(tmp_path.iterdir()) == []
