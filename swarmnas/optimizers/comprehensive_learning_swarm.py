"""The comprehensive learning particle swarm of Liang, Qin, Suganthan and Baskar (CLPSO)."""

from __future__ import annotations

from typing import ClassVar, Unpack

import numpy as np

from swarmnas.checks import as_float, as_int
from swarmnas.optimizers.comparison import Index, beats
from swarmnas.optimizers.velocity_swarm import SwarmSettings, VelocitySwarm

__all__ = ["ComprehensiveLearningSwarm"]


class ComprehensiveLearningSwarm(VelocitySwarm):
    """``pso`` that learns every dimension from somebody else, and has no leader.

    Particle i of n keeps an exemplar f(d) for each dimension d and draws new ones when its
    personal best has stood for ``refresh_after`` generations. With probability ``Pc_i`` f(d) is
    the better of two random others' personal bests, else its own; if all are its own, one
    random dimension gets a random other::

        v_d <- w v_d + pull r_d (personal_best_f(d),d - x_d)
        x <- x + v
        Pc_i = 0.05 + 0.45 (exp(10 (i - 1) / (n - 1)) - 1) / (exp(10) - 1)

    The inertia w falls from ``first_inertia`` to ``last_inertia`` over ``max_evaluations``;
    without a budget it follows the swarm's diversity, relative to that of the start.

    Args:
        pull: Towards the exemplars, >= 0.
        first_inertia: w at the start, >= 0.
        last_inertia: w at the end, >= 0.
        refresh_after: Generations without a new personal best, >= 1.
        velocity_limit: Largest component of a velocity over the box's width, > 0.
        **common: See :class:`~swarmnas.optimizers.personal_best_swarm.PersonalBestSwarm`.

    References:
        Liang, Qin, Suganthan and Baskar, "Comprehensive learning particle swarm optimizer for
        global optimization of multimodal functions", IEEE TEVC 10(3), 2006, eq. 5 to 7.
        Differs from the paper: a particle that leaves the box is clipped and evaluated, where
        the paper skips its evaluation; velocities start at 0; the re-evaluation under noise is
        ours. Pc is the paper's, not that of the authors' later MATLAB code.
    """

    name: ClassVar[str] = "clpso"
    _state: ClassVar[tuple[str, ...]] = ("_exemplars", "_standing", "_first_diversity")

    def __init__(
        self,
        *,
        pull: float = 1.49445,
        first_inertia: float = 0.9,
        last_inertia: float = 0.4,
        refresh_after: int = 7,
        velocity_limit: float = 0.2,
        **common: Unpack[SwarmSettings],
    ) -> None:
        super().__init__(**common)
        self.pull = as_float("pull", pull, low=0)
        self.first_inertia = as_float("first_inertia", first_inertia, low=0)
        self.last_inertia = as_float("last_inertia", last_inertia, low=0)
        self.refresh_after = as_int("refresh_after", refresh_after, low=1)
        self.velocity_limit = as_float("velocity_limit", velocity_limit, low=0, open_low=True)
        size = self.population_size
        growth = np.expm1(10 * np.arange(size) / (size - 1)) / np.expm1(10)
        self._learning_probability = 0.05 + 0.45 * growth  # eq. 6
        self._exemplars = np.zeros((size, self.num_dims), dtype=np.int64)
        self._standing = np.full(size, self.refresh_after)
        """Generations since the personal best moved; all draw exemplars at first."""
        self._first_diversity = self.diversity

    def _accelerate(self, count: int) -> None:
        arrays = self._arrays
        self._refresh(np.flatnonzero(self._standing[:count] >= self.refresh_after))
        draws = arrays.uniform(self._rng, count, self.num_dims)
        columns = arrays.index(np.arange(self.num_dims))
        exemplars = self._personal_best[arrays.index(self._exemplars[:count]), columns]
        self._velocity[:count] *= self._inertia()
        self._draw_to(exemplars, count, self.pull, draws)  # eq. 5
        self._limit_velocity(count, self.velocity_limit)

    def _inertia(self) -> float:
        if self.max_evaluations is not None:
            left = max(0.0, 1 - self.evaluations / self.max_evaluations)
        elif self._first_diversity > 0:
            left = min(1.0, self.diversity / self._first_diversity)
        else:
            left = 0.0
        return self.last_inertia + (self.first_inertia - self.last_inertia) * left

    def _refresh(self, particles: Index) -> None:
        """Draw new exemplars for ``particles``."""
        if len(particles) == 0:
            return
        rng, shape = self._rng, (len(particles), self.num_dims)
        own = particles[:, None]
        first, second = (
            (own + rng.integers(1, self.population_size, shape)) % self.population_size
            for _ in range(2)
        )
        loss, violation = self._loss, self._violation
        second_wins = beats(loss[second], violation[second], loss[first], violation[first])
        learns = rng.random(shape) < self._learning_probability[own]
        chosen = np.where(learns, np.where(second_wins, second, first), own)
        selfish = np.flatnonzero(~learns.any(axis=1))
        column = rng.integers(self.num_dims, size=len(particles))[selfish]
        other = rng.integers(1, self.population_size, size=len(particles))[selfish]
        chosen[selfish, column] = (particles[selfish] + other) % self.population_size
        self._exemplars[particles] = chosen
        self._standing[particles] = 0

    def _judged(self, improved: Index) -> None:
        self._standing += 1
        self._standing[improved] = 0

    def _injected(self, particles: Index) -> None:
        super()._injected(particles)
        self._standing[particles] = self.refresh_after
