"""Each algorithm against its paper's equations, computed by hand (scalar loops) beside it."""

import numpy as np
import pytest

from swarmnas.optimizers import create
from tests.optimizers.twin import LOWER, UPPER, Twin, clip, exactly, sphere, told


def test_random_rows_are_uniform_in_the_box():
    swarm, twin = create("random", bounds=(LOWER, UPPER), seed=3, population_size=4), Twin(3, 4)
    exactly(told(swarm), twin.x)
    exactly(told(swarm), LOWER + twin.rng.random((4, 3)) * (UPPER - LOWER))


def test_pso():
    swarm, twin = create("pso", bounds=(LOWER, UPPER), seed=3, population_size=4), Twin(3, 4)
    exactly(told(swarm), twin.x)
    best, best_loss = twin.x.copy(), twin.loss.copy()
    for _ in range(5):
        draws, leader = twin.rng.random((2, 4, 3)), best[best_loss.argmin()].copy()
        for i in range(4):
            for d in range(3):
                twin.v[i, d] = (
                    0.7298 * twin.v[i, d]
                    + 1.49618 * draws[0, i, d] * (best[i, d] - twin.x[i, d])
                    + 1.49618 * draws[1, i, d] * (leader[d] - twin.x[i, d])
                )
                twin.x[i, d] = clip(twin.x[i, d] + twin.v[i, d], d)
        exactly(told(swarm), twin.x)
        for i, loss in enumerate(sphere(twin.x)):
            if loss < best_loss[i]:
                best[i], best_loss[i] = twin.x[i], loss
        exactly(swarm.best_loss, best_loss.min())


@pytest.mark.parametrize("phi", [0.0, 0.15])
@pytest.mark.parametrize("size", [6, 7])
def test_cso(phi, size):
    swarm = create("cso", bounds=(LOWER, UPPER), seed=5, population_size=size, phi=phi)
    twin = Twin(5, size)
    exactly(told(swarm), twin.x)
    for _ in range(5):
        pairs, mean = list(twin.pairs()), twin.x.mean(axis=0)
        draws = twin.rng.random((3 if phi else 2, len(pairs), 3))
        expected = np.empty((len(pairs), 3))
        for k, (winner, loser) in enumerate(pairs):
            for d in range(3):
                velocity = draws[0, k, d] * twin.v[loser, d] + draws[1, k, d] * (
                    twin.x[winner, d] - twin.x[loser, d]
                )
                if phi:
                    velocity += phi * draws[2, k, d] * (mean[d] - twin.x[loser, d])
                twin.v[loser, d] = velocity
                expected[k, d] = clip(twin.x[loser, d] + velocity, d)
        exactly(told(swarm), expected)
        for k, (_, loser) in enumerate(pairs):
            twin.x[loser] = expected[k]
        twin.loss = sphere(twin.x)
        exactly(swarm.positions, twin.x)


@pytest.mark.parametrize(
    ("num_dims", "population_size", "phi"),
    [(5, 40, 0), (100, 100, 0), (500, 250, 0.05), (1000, 500, 0.1), (2000, 1000, 0.2)],
)
def test_cso_takes_the_papers_sizes(num_dims, population_size, phi):
    swarm = create("cso", bounds=(np.zeros(num_dims), np.ones(num_dims)), seed=0)
    assert (swarm.population_size, swarm.phi) == (population_size, phi)


def test_cso_lets_the_second_of_a_tie_lose():
    swarm, twin = create("cso", bounds=(LOWER, UPPER), seed=5, population_size=6), Twin(5, 6)
    rows = swarm.ask()
    swarm.tell(rows, np.zeros(6))
    before, order = swarm.positions, twin.rng.permutation(6)
    swarm.tell(swarm.ask(), np.zeros(3))
    moved = (swarm.positions != before).any(axis=1)
    assert set(np.flatnonzero(moved)) == set(order[3:])


def test_noisy_cso_evaluates_both_sides_and_recommends_the_winners_centre():
    swarm = create("cso", bounds=(LOWER, UPPER), seed=5, population_size=7, noisy=True)
    twin = Twin(5, 7)
    order = twin.rng.permutation(7)[:6]
    rows = swarm.ask()
    exactly(rows, twin.x[order])
    losses = np.array([3.0, 1.0, 2.0, 4.0, 0.5, 9.0])
    swarm.tell(rows, losses)
    winners, losers = order[[0, 4, 2]], order[[3, 1, 5]]
    exactly(swarm.recommend(), twin.x[winners].mean(axis=0))
    draws = twin.rng.random((2, 3, 3))
    twin.x[losers] += draws[1] * (twin.x[winners] - twin.x[losers])
    exactly(swarm.positions, np.clip(twin.x, LOWER, UPPER))


def test_noisy_pso_judges_personal_bests_by_fresh_losses():
    swarm = create("pso", bounds=(LOWER, UPPER), seed=3, population_size=2, noisy=True)
    start = swarm.ask()
    swarm.tell(start, [-100.0, -100.0])  # lucky losses, never believed again
    rows = swarm.ask()
    exactly(rows[2:], start)
    swarm.tell(rows, [1.0, 5.0, 2.0, 4.0])
    exactly(swarm.recommend(), (rows[0] + start[1]) / 2)
    assert swarm.best_loss == -100


def test_noisy_pso_forgets_losses_that_a_cut_batch_left_stale():
    given = {"bounds": (LOWER, UPPER), "seed": 3, "population_size": 3, "noisy": True}
    swarm = create("pso", max_evaluations=5, **given)
    start = swarm.ask()
    swarm.tell(start, [0.0, 0.0, -100.0])
    cut = swarm.ask()
    swarm.tell(cut, [2.0, 1.0])  # the first particle against its personal best
    longer = create("pso", max_evaluations=50, **given)
    longer.load_state_dict(swarm.state_dict())
    twin = Twin(3, 3)
    first = twin.rng.random((2, 1, 3))
    velocity = 1.49618 * first[1, 0] * (start[2] - start[0])
    exactly(cut[0], np.clip(start[0] + velocity, LOWER, UPPER))
    draws = twin.rng.random((2, 3, 3))
    velocity = 1.49618 * draws[1, 2] * (start[0] - start[2])  # the only one judged leads
    exactly(longer.ask()[2], np.clip(start[2] + velocity, LOWER, UPPER))


def test_noisy_random_search_defends_its_winner():
    swarm = create("random", bounds=(LOWER, UPPER), seed=3, population_size=3, noisy=True)
    rows = swarm.ask()
    swarm.tell(rows, [2.0, 1.0, 3.0])
    exactly(swarm.recommend(), rows[1])
    again = swarm.ask()
    exactly(again[0], rows[1])
    swarm.tell(again, [50.0, 60.0, 40.0])
    exactly(swarm.recommend(), again[2])
