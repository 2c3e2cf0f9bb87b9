"""The rest of the family against the papers' equations, computed by scalar loops beside it."""

import math

import numpy as np
import pytest

from swarmnas.optimizers import create
from tests.optimizers.twin import LOWER, UPPER, Twin, clip, exactly, sphere, told

WIDTH = UPPER - LOWER


def start(name, size, **settings):
    """Return a swarm of that size that knows its first losses, and its twin."""
    swarm = create(name, bounds=(LOWER, UPPER), seed=5, population_size=size, **settings)
    twin = Twin(5, size)
    exactly(told(swarm), twin.x)
    return swarm, twin


class Memory:
    """Personal bests of a twin."""

    def __init__(self, twin):
        self.best, self.loss = twin.x.copy(), twin.loss.copy()

    def judge(self, rows):
        improved = sphere(rows) < self.loss
        self.best[improved], self.loss[improved] = rows[improved], sphere(rows)[improved]
        return improved


def test_pso_constriction():
    swarm, twin = start("pso-constriction", 4)
    memory = Memory(twin)
    chi = 2 / abs(2 - 4.1 - math.sqrt(4.1**2 - 4 * 4.1))
    for _ in range(5):
        draws, leader = twin.rng.random((2, 4, 3)), memory.best[memory.loss.argmin()].copy()
        for i in range(4):
            for d in range(3):
                pull = 2.05 * draws[0, i, d] * (memory.best[i, d] - twin.x[i, d])
                pull += 2.05 * draws[1, i, d] * (leader[d] - twin.x[i, d])
                velocity = chi * (twin.v[i, d] + pull)
                twin.v[i, d] = min(max(velocity, -WIDTH[d]), WIDTH[d])
                twin.x[i, d] = clip(twin.x[i, d] + twin.v[i, d], d)
        exactly(told(swarm), twin.x)
        memory.judge(twin.x)


@pytest.mark.parametrize(("topology", "offsets"), [("square", (-1, 1, -3, 3)), ("ring", (-1, 1))])
def test_fips(topology, offsets):
    swarm, twin = start("fips", 9, topology=topology)
    memory = Memory(twin)
    chi = 2 / abs(2 - 4.1 - math.sqrt(4.1**2 - 4 * 4.1))
    for _ in range(4):
        draws = twin.rng.random((len(offsets), 9, 3))
        for i in range(9):
            for d in range(3):
                pull = 0.0
                for k, offset in enumerate(offsets):
                    neighbour = memory.best[(i + offset) % 9, d]
                    pull += 4.1 * draws[k, i, d] * (neighbour - twin.x[i, d])
                twin.v[i, d] = chi * (twin.v[i, d] + pull / len(offsets))
                twin.x[i, d] = clip(twin.x[i, d] + twin.v[i, d], d)
        exactly(told(swarm), twin.x)
        memory.judge(twin.x)


def test_spso2011():
    size = 6
    twin = Twin(5, size)
    twin.v = LOWER + twin.rng.random((size, 3)) * WIDTH - twin.x

    def links():
        found = twin.rng.random((size, size)) < 1 - (1 - 1 / size) ** 3
        return found | np.eye(size, dtype=bool)

    informs = links()
    swarm = create("spso2011", bounds=(LOWER, UPPER), seed=5, population_size=size)
    exactly(told(swarm), twin.x)
    memory = Memory(twin)
    pull, inertia = 0.5 + math.log(2), 1 / (2 * math.log(2))
    redrawn = 0
    for _ in range(8):
        direction, share = twin.rng.standard_normal((size, 3)), twin.rng.random((size, 1))
        before = memory.loss.min()
        rows = np.empty((size, 3))
        for i in range(size):
            x, best = twin.x[i], memory.best[i]
            leader = min((k for k in range(size) if informs[k, i]), key=lambda k: memory.loss[k])
            if leader == i:
                centre = (x + (x + pull * (best - x))) / 2
            else:
                centre = (x + (x + pull * (best - x)) + (x + pull * (memory.best[leader] - x))) / 3
            radius = math.sqrt(((centre - x) ** 2).sum())
            unit = direction[i] / math.sqrt((direction[i] ** 2).sum())
            sample = centre + share[i, 0] * radius * unit
            twin.v[i] = inertia * twin.v[i] + sample - x
            rows[i] = x + twin.v[i]
            for d in range(3):
                if not LOWER[d] <= rows[i, d] <= UPPER[d]:
                    rows[i, d] = clip(rows[i, d], d)
                    twin.v[i, d] *= -0.5
        np.testing.assert_allclose(told(swarm), rows, rtol=1e-12, atol=1e-13)
        twin.x = rows
        memory.judge(rows)
        if memory.loss.min() >= before:
            informs = links()
            redrawn += 1
    assert 0 < redrawn < 8


def test_clpso():
    size, budget = 5, 500
    swarm, twin = start("clpso", size, max_evaluations=budget, refresh_after=2)
    memory, standing = Memory(twin), np.full(size, 2)
    exemplar = np.zeros((size, 3), dtype=int)
    growth = [(math.exp(10 * i / (size - 1)) - 1) / (math.exp(10) - 1) for i in range(size)]
    told_rows = size
    for _ in range(8):
        stale = np.flatnonzero(standing >= 2)
        if len(stale):
            shape = (len(stale), 3)
            first, second = (twin.rng.integers(1, size, shape) for _ in range(2))
            coins = twin.rng.random(shape)
            column = twin.rng.integers(3, size=len(stale))
            other = twin.rng.integers(1, size, size=len(stale))
            for k, i in enumerate(stale):
                alone = True
                for d in range(3):
                    a, b = (i + first[k, d]) % size, (i + second[k, d]) % size
                    exemplar[i, d] = i
                    if coins[k, d] < 0.05 + 0.45 * growth[i]:
                        exemplar[i, d] = b if memory.loss[b] < memory.loss[a] else a
                        alone = False
                if alone:
                    exemplar[i, column[k]] = (i + other[k]) % size
                standing[i] = 0
        draws = twin.rng.random((size, 3))
        inertia = 0.4 + 0.5 * (1 - told_rows / budget)
        for i in range(size):
            for d in range(3):
                pull = memory.best[exemplar[i, d], d] - twin.x[i, d]
                velocity = inertia * twin.v[i, d] + 1.49445 * draws[i, d] * pull
                twin.v[i, d] = min(max(velocity, -0.2 * WIDTH[d]), 0.2 * WIDTH[d])
                twin.x[i, d] = clip(twin.x[i, d] + twin.v[i, d], d)
        exactly(told(swarm), twin.x)
        told_rows += size
        improved = memory.judge(twin.x)
        standing = np.where(improved, 0, standing + 1)


@pytest.mark.parametrize("strategy", ["rand/1/bin", "best/1/bin"])
def test_de(strategy):
    size = 6
    swarm, twin = start("de", size, strategy=strategy, crossover=0.6)
    for _ in range(6):
        taken = [[i] for i in range(size)]
        for number in (1, 2, 3):
            for i, drawn in enumerate(twin.rng.integers(size - number, size=size)):
                free = [k for k in range(size) if k not in taken[i]]
                taken[i].append(free[drawn])
        crossed = twin.rng.random((size, 3)) < 0.6
        forced = twin.rng.integers(3, size=size)
        rows = twin.x.copy()
        for i, (_, a, b, c) in enumerate(taken):
            if strategy == "best/1/bin":
                a, b, c = int(twin.loss.argmin()), a, b
            for d in range(3):
                if crossed[i, d] or d == forced[i]:
                    value = twin.x[a, d] + 0.5 * (twin.x[b, d] - twin.x[c, d])
                    while not LOWER[d] <= value <= UPPER[d]:
                        value = 2 * (LOWER[d] if value < LOWER[d] else UPPER[d]) - value
                    rows[i, d] = value
        np.testing.assert_allclose(told(swarm), rows, rtol=1e-12, atol=1e-13)
        better = sphere(rows) < twin.loss
        twin.move(np.flatnonzero(better), rows[better])
        np.testing.assert_allclose(swarm.positions, twin.x, rtol=1e-12, atol=1e-13)


def test_cso_ma():
    swarm, twin = start("cso-ma", 6, phi=0.2)
    for _ in range(5):
        pairs, mean = list(twin.pairs()), twin.x.mean(axis=0)
        losers = [loser for _, loser in pairs]
        rows = twin.learn(losers, [twin.x[w] for w, _ in pairs], [mean] * 3, [0.2] * 3)
        row, dim = twin.rng.integers(3), twin.rng.integers(3)
        rows[row, dim] = UPPER[dim] if twin.rng.random() < 0.5 else LOWER[dim]
        exactly(told(swarm), rows)
        twin.move(losers, rows)


@pytest.mark.parametrize("size", [6, 8])
def test_mcso(size):
    swarm, twin = start("mcso", size)
    for _ in range(5):
        order, ranked = twin.rng.permutation(size), list(twin.ranked())
        winners, seconds, thirds = [], [], []
        for a, b, c in zip(order[:2], order[2:4], order[4:6], strict=True):
            winner, second, third = (ranked[place] for place in sorted((a, b, c)))
            winners.append(twin.x[winner])
            seconds.append(second)
            thirds.append(third)
        losers, mean = seconds + thirds, twin.x.mean(axis=0)
        rows = twin.learn(losers, winners * 2, [mean] * 4, [0.1, 0.1, 0.2, 0.2])
        exactly(told(swarm), rows)
        twin.move(losers, rows)


def test_sl_pso():
    size = 5
    swarm, twin = start("sl-pso", size)
    for _ in range(5):
        assert (twin.rng.random(size) < 1).all()  # up to 100 dimensions everybody learns
        draws, ranked = twin.rng.random((4, 3)), twin.ranked()
        learners, demonstrators = [], []
        for row, place in enumerate(range(size - 1, 0, -1)):
            learners.append(ranked[place])
            teachers = [ranked[int(draws[row, d] * place)] for d in range(3)]
            demonstrators.append([twin.x[teacher, d] for d, teacher in enumerate(teachers)])
        mean = twin.x.mean(axis=0)
        rows = twin.learn(learners, demonstrators, [mean] * 4, [0.01 * 3 / 100] * 4)
        exactly(told(swarm), rows)
        twin.move(learners, rows)


def test_sl_pso_learns_more_rarely_at_better_ranks_in_many_dimensions():
    num_dims, size = 1000, 200
    box = (np.zeros(num_dims), np.ones(num_dims))
    swarm = create("sl-pso", bounds=box, seed=0)
    assert swarm.population_size == size
    swarm.tell(rows := swarm.ask(), np.arange(size))
    assert len(rows) == size
    exponent = 0.5 * math.log(10)
    expected = sum((1 - (i - 1) / size) ** exponent for i in range(1, size))
    counts = []
    for _ in range(30):
        rows = swarm.ask()
        counts.append(len(rows))
        swarm.tell(rows, np.zeros(len(rows)))
    assert abs(np.mean(counts) - expected) < 5  # the standard error is about 1


def teach_by_levels(twin, levels):
    """Return the learners of a level swarm and where they go."""
    size = twin.size // levels
    ranked = twin.ranked()
    places = range(twin.size - 1, size - 1, -1)
    draws = twin.rng.random((4, len(places)))
    learners, first, second = [], [], []
    for k, place in enumerate(places):
        level = min(place // size, levels - 1)
        if level == 1:
            a, b = int(draws[0, k] * size), int(draws[1, k] * (size - 1))
            found = sorted((a, b + (b >= a)))
        else:
            a, b = int(draws[0, k] * level), int(draws[1, k] * (level - 1))
            b += b >= a
            found = sorted((a * size + int(draws[2, k] * size), b * size + int(draws[3, k] * size)))
        learners.append(ranked[place])
        first.append(twin.x[ranked[found[0]]])
        second.append(twin.x[ranked[found[1]]])
    return learners, twin.learn(learners, first, second, [0.4] * len(learners))


def test_llso():
    swarm, twin = start("llso", 11, levels=3)
    for _ in range(5):
        learners, rows = teach_by_levels(twin, 3)
        exactly(told(swarm), rows)
        twin.move(learners, rows)


def test_dllso():
    swarm, twin = start("dllso", 17)
    choices, gains = [4, 6, 8], [1.0, 1.0, 1.0]
    seen = set()
    for _ in range(12):
        weights = np.exp(7 * np.array(gains))
        choice = twin.rng.choice(3, p=weights / weights.sum())
        seen.add(choice)
        before = swarm.best_loss
        learners, rows = teach_by_levels(twin, choices[choice])
        exactly(told(swarm), rows)
        twin.move(learners, rows)
        gains[choice] = abs(before - swarm.best_loss) / before
    assert len(seen) == 3


def test_sdlso():
    size = 9
    swarm, twin = start("sdlso", size)
    for _ in range(6):
        one, other = twin.rng.integers(size - 1, size=size), twin.rng.integers(size - 2, size=size)
        ranked, learners, first, second = twin.ranked(), [], [], []
        for place in range(size - 1, -1, -1):
            a = [k for k in range(size) if k != place][one[place]]
            b = [k for k in range(size) if k not in (place, a)][other[place]]
            if a < place and b < place:
                learners.append(ranked[place])
                first.append(twin.x[ranked[min(a, b)]])
                second.append(twin.x[ranked[max(a, b)]])
        rows = twin.learn(learners, first, second, [0.4] * len(learners))
        exactly(told(swarm), rows)
        twin.move(learners, rows)


@pytest.mark.parametrize(
    ("name", "num_dims", "population_size"),
    [
        ("mcso", 1000, 501),
        ("sl-pso", 100, 110),
        ("sl-pso", 1000, 200),
        ("llso", 1000, 500),
        ("dllso", 1000, 500),
        ("spso2011", 30, 40),
        ("cma", 10, 10),
        ("de", 10, 50),
    ],
)
def test_recommended_populations(name, num_dims, population_size):
    swarm = create(name, bounds=(np.zeros(num_dims), np.ones(num_dims)), seed=0)
    assert swarm.population_size == population_size


@pytest.mark.parametrize(
    ("name", "learners_of_nine"), [("mcso", 6), ("sl-pso", 8), ("llso", 7), ("sdlso", None)]
)
def test_noisy_learners_are_evaluated_with_the_swarm_and_the_better_half_answers(
    name, learners_of_nine
):
    swarm = create(name, bounds=(LOWER, UPPER), seed=5, population_size=9, noisy=True)
    for drift in (0.0, -1e6, 1e6):
        before = swarm.positions
        rows = swarm.ask()
        exactly(rows, before)
        swarm.tell(rows, sphere(rows) + drift)
        better = rows[np.argsort(sphere(rows))[:4]]
        exactly(swarm.recommend(), better.mean(axis=0))
        moved = (swarm.positions != before).any(axis=1)
        assert not moved[sphere(rows).argmin()]
        assert learners_of_nine is None or moved.sum() == learners_of_nine


def test_noisy_de_judges_parents_and_trials_in_one_batch():
    swarm = create("de", bounds=(LOWER, UPPER), seed=5, population_size=4, noisy=True)
    parents = swarm.ask()
    swarm.tell(parents, np.full(4, -100.0))  # lucky, and forgotten
    rows = swarm.ask()
    exactly(rows[4:], parents)
    swarm.tell(rows, [1, 5, 1, 5, 2, 4, 2, 4])
    kept = np.stack([rows[0], parents[1], rows[2], parents[3]])
    exactly(swarm.positions, kept)
    exactly(swarm.recommend(), kept.mean(axis=0))
