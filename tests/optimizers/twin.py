"""A swarm beside the swarm: the same draws, computed by scalar loops."""

import numpy as np

from swarmnas.rng import generator

LOWER, UPPER = np.array([-2.0, 0.5, -8.0]), np.array([3.0, 4.0, -1.0])


def sphere(rows):
    return ((rows - (0.6 * LOWER + 0.4 * UPPER)) ** 2).sum(axis=1)


def exactly(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=0)


def clip(value, dim):
    return min(max(value, LOWER[dim]), UPPER[dim])


class Twin:
    """The draws that a swarm makes, and the start that follows from the first of them."""

    def __init__(self, seed, size):
        self.rng = generator(seed)
        self.size = size
        self.x = LOWER + self.rng.random((size, 3)) * (UPPER - LOWER)
        self.v = np.zeros((size, 3))
        self.loss = sphere(self.x)

    def pairs(self):
        order = self.rng.permutation(self.size)
        half = self.size // 2
        for first, second in zip(order[:half], order[half : 2 * half], strict=True):
            second_wins = self.loss[second] < self.loss[first]
            yield (second, first) if second_wins else (first, second)

    def ranked(self):
        """Particles by number, best first."""
        return np.array(sorted(range(self.size), key=lambda i: self.loss[i]))

    def learn(self, learners, first, second, strengths):
        """Return where learners go: r1 v + r2 (first - x) + strength r3 (second - x)."""
        draws = self.rng.random((3, len(learners), 3))
        rows = np.empty((len(learners), 3))
        for k, i in enumerate(learners):
            for d in range(3):
                self.v[i, d] = (
                    draws[0, k, d] * self.v[i, d]
                    + draws[1, k, d] * (first[k][d] - self.x[i, d])
                    + strengths[k] * draws[2, k, d] * (second[k][d] - self.x[i, d])
                )
                rows[k, d] = clip(self.x[i, d] + self.v[i, d], d)
        return rows

    def move(self, learners, rows):
        for i, row in zip(learners, rows, strict=True):
            self.x[i] = row
        self.loss = sphere(self.x)


def told(swarm):
    rows = swarm.ask()
    swarm.tell(rows, sphere(rows))
    return rows
