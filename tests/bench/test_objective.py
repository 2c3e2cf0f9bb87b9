"""The objective counts, records what statistics need, and ends at the budget."""

import math

import numpy as np
import pytest

from swarmnas.bench.objective import LEVELS, Finished, Objective, TooSlow, checkpoints
from swarmnas.problems import create
from swarmnas.rng import generator


def play(losses, batch, budget=None, **settings):
    """Feed an objective a sequence of losses; return its trace and the sequence's errors."""
    problem = create("sphere", num_dims=1, instance=0)
    rows = np.sqrt(np.asarray(losses, dtype=float))[:, None]
    objective = Objective(problem, budget=budget or len(rows), **settings)
    for start in range(0, len(rows), batch):
        objective(rows[start : start + batch])
    return objective.trace(), rows[:, 0] ** 2


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_the_trace_equals_a_plain_reading_of_all_losses(batch):
    losses = 10.0 ** generator(2).uniform(-9, 3, 300)
    losses[generator(3).random(300) < 0.1] = np.nan
    with np.errstate(invalid="ignore"):
        trace, errors = play(losses, batch)
    best = np.fmin.accumulate(np.where(np.isnan(errors), np.inf, errors))
    assert trace["evaluations"] == 300
    assert trace["best_error"] == best[-1]
    assert trace["checkpoints"]["at"] == checkpoints(300)
    assert trace["checkpoints"]["error"] == best[np.array(checkpoints(300)) - 1].tolist()
    for level in LEVELS[:: 20 // 5]:
        wanted = np.flatnonzero(best <= level)
        found = [
            at
            for at, error in zip(trace["hits"]["at"], trace["hits"]["error"], strict=True)
            if error <= level
        ]
        assert (found[0] - 1 if found else None) == (wanted[0] if len(wanted) else None)


def test_the_trace_does_not_depend_on_batches():
    losses = 10.0 ** generator(4).uniform(-20, 9, 500)
    assert play(losses, 1)[0] == play(losses, 13)[0] == play(losses, 500)[0]


def test_the_budget_ends_a_run_within_a_batch():
    objective = Objective(create("sphere", num_dims=2), budget=5)
    objective(np.zeros((3, 2)))
    with pytest.raises(Finished):
        objective(np.zeros((3, 2)))
    assert (objective.evaluations, objective.left, objective.finished) == (5, 0, True)
    with pytest.raises(Finished):
        objective(np.zeros((1, 2)))
    assert objective.trace()["checkpoints"]["at"][-1] == 5


def test_a_reached_error_ends_a_run():
    objective = Objective(create("sphere", num_dims=1, instance=0), budget=50, stop_error=0.5)
    objective(np.array([[2.0], [0.1]]))
    assert objective.finished
    with pytest.raises(Finished):
        objective(np.zeros((1, 1)))


def test_a_run_that_takes_too_long_is_an_error():
    objective = Objective(create("sphere", num_dims=1), budget=50, max_seconds=1e-9)
    with pytest.raises(TooSlow, match="max_seconds"):
        objective(np.zeros((1, 1)))


def test_noise_is_seen_by_the_optimizer_and_not_by_the_record():
    problem = create("sphere", num_dims=1, instance=0, noise=1.0)
    objective = Objective(problem, budget=9)
    losses = objective(np.full((9, 1), 2.0))
    assert np.ptp(losses) > 0
    assert objective.trace()["best_error"] == 4.0


def test_diversity_belongs_to_the_checkpoints_passed():
    objective = Objective(create("sphere", num_dims=1), budget=10)
    objective(np.zeros((3, 1)))
    objective.note_diversity(0.5)
    objective(np.zeros((3, 1)))
    assert objective.checkpoint_passed
    assert objective.trace()["checkpoints"]["diversity"] == [0.5] * 3 + [None] * 3


def test_a_loss_below_the_minimum_by_rounding_is_no_error():
    problem = create("styblinski-tang", num_dims=10)
    objective = Objective(problem, budget=1)
    objective(problem.minimiser[None])
    assert 0 <= objective.best_error < 1e-9
    assert math.isfinite(objective.best_error)
