"""Single candidates, whose losses come in any order, late, twice or never."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmnas.errors import AskTellOrderError, SettingError, StateError
from swarmnas.optimizers import OneByOne, create


def swarm(seed=0, **given):
    bounds = (np.full(2, -1.0), np.full(2, 2.0))
    return create("cso", **{"bounds": bounds, "seed": seed, "population_size": 6, **given})


def loss(position):
    return float((position**2).sum())


@settings(deadline=None, max_examples=30)
@given(st.randoms(use_true_random=False))
def test_any_order_gives_the_trajectory_of_batches(random):
    whole, single = swarm(), OneByOne(swarm())
    for size in (6, 3, 3):
        rows = whole.ask()
        whole.tell(rows, (rows**2).sum(axis=1))
        candidates = [single.ask() for _ in range(size)]
        random.shuffle(candidates)
        for candidate in candidates:
            single.tell(candidate, loss(candidate.position))
    assert np.array_equal(whole.ask(), single.optimizer.ask())


def test_missing_candidates_are_handed_out_again():
    single = OneByOne(swarm())
    candidates = [single.ask() for _ in range(6)]
    for candidate in candidates[2:]:
        single.tell(candidate, 1.0)
    assert [single.ask().number for _ in range(4)] == [0, 1, 0, 1]
    single.tell(single.ask(), 0.5)
    assert single.ask().number == 1
    single.tell(single.ask(), 0.25)
    assert single.optimizer.evaluations == 6
    assert single.ask().number == 6


def test_the_first_loss_counts_and_late_ones_are_ignored():
    single = OneByOne(swarm())
    candidates = [single.ask() for _ in range(6)]
    single.tell(candidates[0], 2.0)
    single.tell(candidates[0], -5.0)
    for candidate in candidates[1:]:
        single.tell(candidate, 3.0)
    single.tell(candidates[3], -5.0)
    assert single.optimizer.best_loss == 2
    assert single.optimizer.evaluations == 6


def test_failed_candidates_and_violations():
    single = OneByOne(swarm())
    for number in range(6):
        single.tell(single.ask(), float("nan") if number < 2 else number, violation=number == 2)
    assert single.optimizer.best_loss == 3


def test_wrong_calls_change_nothing():
    single, other = OneByOne(swarm()), OneByOne(swarm())
    candidate = single.ask()
    for _ in range(6):
        other.tell(other.ask(), 0.0)
    before = single.state_dict()
    for wrong in (other.ask(), None, candidate.position):
        with pytest.raises(SettingError, match=r"candidate: expected one from ask\(\)"):
            single.tell(wrong, 1.0)
    with pytest.raises(SettingError, match="loss: expected a real number; got 'low'"):
        single.tell(candidate, "low")
    with pytest.raises(SettingError, match="violation: expected >= 0"):
        single.tell(candidate, 1.0, violation=-1)
    assert not single.state_dict()["batch"].any()
    assert before["queue"] == single.state_dict()["queue"]


def test_a_spent_budget_ends_the_asking():
    single = OneByOne(swarm(max_evaluations=8))
    for _ in range(8):
        single.tell(single.ask(), 1.0)
    with pytest.raises(AskTellOrderError, match="evaluations left"):
        single.ask()


def test_a_saved_batch_continues():
    straight, saved = OneByOne(swarm()), OneByOne(swarm())
    for single in (straight, saved):
        candidates = [single.ask() for _ in range(4)]
        for candidate in candidates[1:]:
            single.tell(candidate, loss(candidate.position))
    restored = OneByOne(swarm(seed=9))
    restored.load_state_dict(saved.state_dict())
    for _ in range(12):
        expected, got = straight.ask(), restored.ask()
        assert expected.number == got.number
        assert np.array_equal(expected.position, got.position)
        straight.tell(expected, loss(expected.position))
        restored.tell(got, loss(got.position))


def test_foreign_states_are_refused():
    single = OneByOne(swarm())
    single.tell(single.ask(), 1.0)
    state = single.state_dict()
    for foreign in (
        {"first": 0},
        {**state, "queue": [0]},
        {**state, "batch": state["batch"][:, :-1]},
        {**state, "optimizer": {**state["optimizer"], "num_dims": 3}},
    ):
        with pytest.raises(StateError, match=r"state.*: expected"):
            single.load_state_dict(foreign)
    assert single.state_dict()["queue"] == state["queue"]


def test_stragglers_hold_nobody_up_and_their_losses_are_not_lost():
    single = OneByOne(swarm(), stragglers=2)
    candidates = [single.ask() for _ in range(6)]
    for candidate in candidates[2:]:
        assert not single.fresh
        single.tell(candidate, 5.0)
    assert single.fresh
    assert single.ask().number == 6  # the next batch, while 0 and 1 are out
    assert single.optimizer.evaluations == 6
    single.tell(candidates[0], 0.5)
    single.tell(candidates[1], float("nan"))
    assert single.optimizer.best_loss == 5  # let in with the next batch
    for candidate in [single.ask() for _ in range(2)]:
        single.tell(candidate, 6.0)
    assert single.ask().number == 9
    assert single.optimizer.best_loss == 0.5
    assert np.array_equal(single.optimizer.best_position, candidates[0].position)
    assert single.optimizer.evaluations == 9  # each candidate once


def test_stragglers_change_nothing_where_losses_come_in_order():
    patient, hasty = OneByOne(swarm()), OneByOne(swarm(), stragglers=3)
    for _ in range(30):
        first, second = patient.ask(), hasty.ask()
        assert np.array_equal(first.position, second.position)
        patient.tell(first, loss(first.position))
        hasty.tell(second, loss(second.position))


@pytest.mark.parametrize("name", ["cso", "icso", "pso", "clpso", "de", "cma", "random"])
@settings(deadline=None, max_examples=10)
@given(st.randoms(use_true_random=False))
def test_with_stragglers_every_candidate_is_evaluated_once(name, random):
    budget, out = 60, []
    single = OneByOne(create(name, bounds=([-1.0] * 2, [2.0] * 2), seed=0, population_size=6,
                             max_evaluations=budget), stragglers=3)  # fmt: skip
    seen, losses = set(), []
    while single.fresh or out:
        while single.fresh and len(out) < 4:
            out.append(single.ask())
            assert out[-1].number not in seen
            seen.add(out[-1].number)
        candidate = out.pop(random.randrange(len(out)))
        losses.append(loss(candidate.position))
        single.tell(candidate, losses[-1])
    assert len(losses) <= budget
    assert single.optimizer.evaluations == len(losses)
    assert single.optimizer.best_loss == min(losses)


def test_a_saved_straggler_is_let_in_after_the_restart():
    saved = OneByOne(swarm(), stragglers=2)
    candidates = [saved.ask() for _ in range(6)]
    for candidate in candidates[2:]:
        saved.tell(candidate, 5.0)
    saved.ask()
    saved.tell(candidates[0], 0.5)
    restored = OneByOne(swarm(), stragglers=2)
    restored.load_state_dict(saved.state_dict())
    restored.tell(candidates[1], 0.25)
    for candidate in [restored.ask() for _ in range(3)]:
        restored.tell(candidate, 6.0)
    assert restored.optimizer.best_loss == 0.25
    assert restored.optimizer.evaluations == 9
