"""ICSO is CSO plus four changes, each of which can be switched off."""

import numpy as np
import pytest

from swarmnas.optimizers import create
from swarmnas.optimizers.diversity import crowding, diversity_aware_fitness
from swarmnas.rng import generator

LOWER, UPPER = np.full(3, -2.0), np.full(3, 5.0)
OFF = {"crowding_weight": 0.0, "guide": False, "keep_incumbent": False, "reseed_after": None}


def rugged(rows):
    return (rows**2 + 3 * np.cos(5 * rows)).sum(axis=1)


def icso(size=8, **settings):
    given = {"bounds": (LOWER, UPPER), "seed": 1, "population_size": size, **OFF, **settings}
    return create("icso", **given)


def told(swarm):
    rows = swarm.ask()
    swarm.tell(rows, rugged(rows))
    return rows


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("phi", [None, 0.2])
def test_with_all_changes_off_it_is_cso(noisy, phi):
    improved = icso(9, noisy=noisy, phi=phi)
    plain = create("cso", bounds=(LOWER, UPPER), seed=1, population_size=9, noisy=noisy, phi=phi)
    for _ in range(12):
        assert np.array_equal(told(improved), told(plain))
        assert np.array_equal(improved.positions, plain.positions)
        assert np.array_equal(improved.recommend(), plain.recommend())


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
    order = rng.permutation(8)
    expected = {
        b if fitness[a] <= fitness[b] else a for a, b in zip(order[:4], order[4:], strict=True)
    }
    assert losers_of_next_batch(swarm) == expected


def test_records_follow_the_raw_loss():
    swarm, best = icso(crowding_weight=1.0), np.inf
    for _ in range(10):
        best = min(best, rugged(told(swarm)).min())
        assert swarm.best_loss == best


def test_losers_learn_from_the_weighted_centre_of_the_best_quarter():
    swarm = icso(guide=True, phi=0.4)
    positions = told(swarm)
    best = positions[np.argsort(rugged(positions))[:2]]
    weights = np.log(2.5) - np.log([1.0, 2.0])
    centre = (weights[0] * best[0] + weights[1] * best[1]) / weights.sum()
    rng = generator(1)
    rng.random((8, 3))
    order, losses, draws = rng.permutation(8), rugged(positions), rng.random((3, 4, 3))
    for k, row in enumerate(told(swarm)):
        winner, loser = sorted((order[k], order[k + 4]), key=lambda i: losses[i])
        x = positions[loser]
        step = draws[1, k] * (positions[winner] - x) + 0.4 * draws[2, k] * (centre - x)
        np.testing.assert_allclose(row, np.clip(x + step, LOWER, UPPER), rtol=1e-12)


def test_the_guide_changes_the_default_pull():
    assert icso(guide=True).phi == 0.3
    assert icso(guide=False).phi == 0.0
    assert icso(guide=True, phi=0.0).phi == 0.0


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


def test_without_a_budget_the_weight_follows_the_diversity():
    swarm = icso(crowding_weight=0.3, initial_positions=np.zeros((8, 3)))
    for _ in range(3):
        told(swarm)  # no spread to begin with, so no division by it
    assert swarm.diversity == 0
