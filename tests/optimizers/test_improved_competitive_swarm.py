"""ICSO is CSO plus named changes, each of which can be switched off."""

import numpy as np
import pytest

from swarmnas.optimizers import create
from swarmnas.optimizers.diversity import crowding, diversity_aware_fitness
from swarmnas.rng import generator

LOWER, UPPER = np.full(3, -2.0), np.full(3, 5.0)
OFF = {
    "crowding_weight": 0.0,
    "guide": False,
    "scatter": 0.0,
    "inertia": 1.0,
    "final_share": 1.0,
    "drift": 0.0,
    "keep_incumbent": False,
    "reseed_after": None,
}
CHANGES = {
    "crowding_weight": 0.3,
    "guide": True,
    "scatter": 0.3,
    "inertia": 0.7,
    "final_share": 0.25,
    "drift": 1.0,
    "reseed_after": 2,
}


def rugged(rows):
    return (rows**2 + 3 * np.cos(5 * rows)).sum(axis=1)


def icso(size=8, **settings):
    given = {"bounds": (LOWER, UPPER), "seed": 1, "population_size": size, **OFF, **settings}
    return create("icso", **given)


def told(swarm):
    rows = swarm.ask()
    swarm.tell(rows, rugged(rows))
    return rows


def sorted_pairs(order, losses):
    half = len(order) // 2
    pairs = zip(order[:half], order[half:], strict=True)
    return np.array([(a, b) if losses[a] <= losses[b] else (b, a) for a, b in pairs]).T


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("phi", [None, 0.2])
def test_with_all_changes_off_it_is_cso(noisy, phi):
    improved = icso(9, noisy=noisy, phi=phi)
    plain = create("cso", bounds=(LOWER, UPPER), seed=1, population_size=9, noisy=noisy, phi=phi)
    for _ in range(12):
        assert np.array_equal(told(improved), told(plain))
        assert np.array_equal(improved.positions, plain.positions)
        assert np.array_equal(improved.recommend(), plain.recommend())


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_each_change_alone_changes_the_search_where_it_applies(change, noisy):
    settings = {"noisy": noisy, "max_evaluations": 200}
    off, on = icso(**settings), icso(**settings, **{change: CHANGES[change]})
    same = [np.array_equal(told(off), told(on)) for _ in range(10)]
    assert all(same) == (change == "drift" and not noisy)


def losers_of_next_batch(swarm):
    before = swarm.positions
    told(swarm)
    return set(np.flatnonzero((swarm.positions != before).any(axis=1)))


@pytest.mark.parametrize(("budget", "share"), [(80, 0.9), (None, 1.0)])
def test_diversity_aware_fitness_decides_who_wins(budget, share):
    swarm = icso(crowding_weight=1.0, max_evaluations=budget)
    positions = told(swarm)
    fitness = diversity_aware_fitness(rugged(positions), crowding(positions, LOWER, UPPER), share)
    rng = generator(1)
    rng.random((8, 3))
    assert losers_of_next_batch(swarm) == set(sorted_pairs(rng.permutation(8), fitness)[1])


def test_records_follow_the_raw_loss():
    swarm, best = icso(crowding_weight=1.0), np.inf
    for _ in range(10):
        best = min(best, rugged(told(swarm)).min())
        assert swarm.best_loss == best


def test_one_step_with_guide_rising_pull_scatter_and_damping():
    swarm = icso(guide=True, phi=0.4, final_phi=1.4, scatter=0.5, inertia=0.7, max_evaluations=80)
    x, v, size = told(swarm), np.zeros((8, 3)), 1.0
    losses, evaluations, rng = rugged(x), 8, generator(1)
    rng.random((8, 3))
    for _ in range(4):
        best = x[np.argsort(losses)[:2]]
        weights = np.log(2.5) - np.log([1.0, 2.0])
        centre = (weights[0] * best[0] + weights[1] * best[1]) / weights.sum()
        winners, losers = sorted_pairs(rng.permutation(8), losses)
        r1, r2, r3 = rng.random((3, 4, 3))
        shuffled = x[rng.permutation(winners)]
        pull = 0.4 + (1.4 - 0.4) * evaluations / 80
        inside = np.clip(
            x[losers]
            + r1 * 0.7 * v[losers]
            + r2 * (x[winners] - x[losers])
            + pull * r3 * (centre - x[losers]),
            LOWER,
            UPPER,
        )
        kick = 0.5 * size * (shuffled - shuffled[[3, 0, 1, 2]])
        expected = np.clip(inside + kick, LOWER, UPPER)
        v[losers] = (
            r1 * 0.7 * v[losers]
            + r2 * (x[winners] - x[losers])
            + pull * r3 * (centre - x[losers])
            + kick
        )
        np.testing.assert_allclose(told(swarm), expected, rtol=1e-12)
        x[losers], evaluations = expected, evaluations + 4
        before, losses = losses, rugged(x)
        size *= np.exp(0.4 * (np.mean(losses[losers] < before[winners]) - 0.43))


def test_the_guide_changes_the_default_pull():
    assert icso(guide=True).settings.items() >= {"phi": 0.4, "final_phi": 1.5}.items()
    assert icso(guide=False).settings.items() >= {"phi": 0.0, "final_phi": 0.0}.items()
    assert icso(guide=True, phi=0.2).settings.items() >= {"phi": 0.2, "final_phi": 0.2}.items()


def test_under_noise_what_did_not_pay_is_off():
    settings = create("icso", bounds=(LOWER, UPPER), seed=1, noisy=True).settings
    off = {"phi": 1.0, "final_phi": 1.0, "scatter": 0.0, "inertia": 1.0, "final_share": 1.0}
    assert settings.items() >= off.items()
    assert icso(guide=True, noisy=True, final_phi=2.0).settings["phi"] == 1.0


def test_the_worst_rest_as_the_budget_is_used():
    swarm = icso(20, final_share=0.3, max_evaluations=200)
    rows = [len(told(swarm))]
    while not swarm.stop_reasons():
        ranked = np.argsort(rugged(swarm.positions))
        contestants = 2 * round((1 - 0.7 * swarm.evaluations / 200) * 20 / 2)
        assert losers_of_next_batch(swarm) <= set(ranked[:contestants])
        rows.append(contestants // 2)
    assert rows[:3] == [20, 9, 9]
    assert rows[-1] == 3


def test_under_noise_winners_drift():
    swarm, rng = icso(guide=True, phi=0.4, drift=0.8, noisy=True), generator(1)
    x = LOWER + rng.random((8, 3)) * (UPPER - LOWER)
    order = rng.permutation(8)
    rows = swarm.ask()
    np.testing.assert_allclose(rows, x[order], rtol=1e-12)
    swarm.tell(rows, rugged(rows))
    winners, losers = sorted_pairs(order, rugged(x))
    best = x[np.argsort(rugged(x))[:2]]
    weights = np.log(2.5) - np.log([1.0, 2.0])
    centre = (weights[0] * best[0] + weights[1] * best[1]) / weights.sum()
    _, r2, r3 = rng.random((3, 4, 3))
    taught = x[losers] + r2 * (x[winners] - x[losers]) + 0.4 * r3 * (centre - x[losers])
    shuffled = x[rng.permutation(winners)]
    drifted = (
        x[winners]
        + 0.8 * rng.random((4, 3)) * (centre - x[winners])
        + 0.5 * (shuffled - shuffled[[3, 0, 1, 2]])
    )
    np.testing.assert_allclose(swarm.positions[losers], np.clip(taught, LOWER, UPPER), rtol=1e-12)
    np.testing.assert_allclose(swarm.positions[winners], np.clip(drifted, LOWER, UPPER), rtol=1e-12)
    np.testing.assert_allclose(swarm.recommend(), x[winners].mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("noisy", [False, True])
def test_without_a_budget_the_whole_swarm_competes_and_comes_together(noisy):
    swarm = create("icso", bounds=(LOWER, UPPER), seed=1, population_size=20, noisy=noisy)
    sizes = [len(told(swarm)) for _ in range(60)]
    assert set(sizes[1:]) == {20 if noisy else 10}
    assert swarm.diversity < 0.1


def test_no_spread_to_begin_with_counts_as_all_progress():
    swarm = icso(crowding_weight=0.3, initial_positions=np.zeros((8, 3)))
    for _ in range(3):
        told(swarm)
    assert swarm.diversity == 0


@pytest.mark.parametrize("kept", [True, False])
def test_the_incumbent_is_never_overwritten(kept):
    swarm, lost = icso(crowding_weight=1.0, keep_incumbent=kept), False
    for _ in range(30):
        told(swarm)
        lost |= not (swarm.positions == swarm.best_position).all(axis=1).any()
    assert lost is not kept


def test_noise_knows_no_incumbent():
    keen, plain = (
        icso(crowding_weight=1.0, noisy=True, keep_incumbent=kept) for kept in (True, False)
    )
    for _ in range(10):
        assert np.array_equal(told(keen), told(plain))


def test_a_particle_that_lost_too_often_starts_again_at_rest():
    swarm, rng, seeded = icso(reseed_after=2), generator(1), 0
    x, v, lost = LOWER + rng.random((8, 3)) * (UPPER - LOWER), np.zeros((8, 3)), [0] * 8
    np.testing.assert_allclose(told(swarm), x, rtol=1e-12)
    for _ in range(15):
        order, losses = rng.permutation(8), rugged(x)
        pairs = [
            (a, b) if losses[a] <= losses[b] else (b, a)
            for a, b in zip(order[:4], order[4:], strict=True)
        ]
        draws, before = rng.random((2, 4, 3)), x.copy()
        for k, (winner, loser) in enumerate(pairs):
            lost[winner], lost[loser] = 0, lost[loser] + 1
            v[loser] = draws[0, k] * v[loser] + draws[1, k] * (before[winner] - before[loser])
            x[loser] = np.clip(x[loser] + v[loser], LOWER, UPPER)
        stagnant = [loser for _, loser in pairs if lost[loser] == 2]
        if stagnant:
            fresh = LOWER + rng.random((len(stagnant), 3)) * (UPPER - LOWER)
            for loser, position in zip(stagnant, fresh, strict=True):
                x[loser], v[loser], lost[loser] = position, 0, 0
        seeded += len(stagnant)
        np.testing.assert_allclose(told(swarm), x[[b for _, b in pairs]], rtol=1e-12)
    assert seeded > 5
