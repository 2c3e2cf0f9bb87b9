"""Particle swarm optimisation with one global leader and an inertia weight (PSO)."""

from __future__ import annotations

from typing import ClassVar, Unpack

import numpy as np

from swarmnas.checks import as_float
from swarmnas.optimizers.base import CommonSettings, Optimizer
from swarmnas.optimizers.comparison import Losses, beats, best_row

__all__ = ["ParticleSwarm"]


class ParticleSwarm(Optimizer):
    """Global-best particle swarm with inertia.

    Each generation, with fresh uniform draws r for every component::

        v <- inertia v + cognitive r1 (personal_best - x) + social r2 (global_best - x)
        x <- x + v, clipped to the box

    With ``noisy=True`` every personal best is evaluated again beside its challenger, and the
    leader is the best of those fresh losses.

    Args:
        inertia: Share of the velocity that is kept, >= 0.
        cognitive: Pull towards the particle's own best, >= 0.
        social: Pull towards the leader, >= 0.
        **common: See :class:`~swarmnas.optimizers.Optimizer`.

    References:
        Shi and Eberhart, "A modified particle swarm optimizer", ICEC 1998, eq. 1 and 2.
        Differs from the paper: the coefficients default to those equivalent to constriction
        (Clerc and Kennedy, 2002); velocities start at 0 and have no limit; positions are clipped
        to the box, the velocity being kept; the re-evaluation under noise is ours.
    """

    name: ClassVar[str] = "pso"
    _state: ClassVar[tuple[str, ...]] = ("_velocity", "_personal_best", "_leader")

    def __init__(
        self,
        *,
        inertia: float = 0.7298,
        cognitive: float = 1.49618,
        social: float = 1.49618,
        **common: Unpack[CommonSettings],
    ) -> None:
        super().__init__(**common)
        self.inertia = as_float("inertia", inertia, low=0)
        self.cognitive = as_float("cognitive", cognitive, low=0)
        self.social = as_float("social", social, low=0)
        self._velocity = self._arrays.zeros(self.population_size, self.num_dims)
        self._pull = self._arrays.zeros(self.population_size, self.num_dims)
        self._personal_best = self._arrays.copy(self._position)
        self._leader = 0

    def _largest_batch(self) -> int:
        return self.population_size * (2 if self.noisy else 1)

    def _smallest_batch(self) -> int:
        return 2 if self.noisy and self.generation else 1

    def _propose(self, limit: int) -> int:
        if self.generation == 0:
            return self._propose_swarm(limit)
        count = min(self.population_size, limit // 2 if self.noisy else limit)
        self._accelerate(count)
        rows = self._rows[:count]
        self._arrays.xp.add(self._position[:count], self._velocity[:count], out=rows)
        self._box.clip(rows)
        if not self.noisy:
            return count
        self._rows[count : 2 * count] = self._personal_best[:count]
        return 2 * count

    def _accelerate(self, count: int) -> None:
        """Update the velocities of the first particles; eq. 1."""
        subtract, position = self._arrays.xp.subtract, self._position[:count]
        velocity, pull = self._velocity[:count], self._pull[:count]
        draws = self._arrays.uniform(self._rng, 2, count, self.num_dims)
        velocity *= self.inertia
        leader = self._personal_best[self._leader]
        for exemplar, strength, drawn in (
            (self._personal_best[:count], self.cognitive, draws[0]),
            (leader, self.social, draws[1]),
        ):
            subtract(exemplar, position, out=pull)
            pull *= drawn
            pull *= strength
            velocity += pull

    def _update(self, losses: Losses, violations: Losses) -> None:
        if self.generation == 0:
            self._accept_swarm(losses, violations)
            self._personal_best[...] = self._position
            count = len(losses)
        elif not self.noisy:
            self._accept(losses, violations)
            count = len(losses)
        else:
            count = len(losses) // 2
            self._personal_best[:count] = self._rows[count : 2 * count]
            self._loss[:], self._violation[:] = np.inf, np.inf  # stale losses decide nothing
            self._loss[:count], self._violation[:count] = losses[count:], violations[count:]
            self._accept(losses[:count], violations[:count])
        self._leader = best_row(self._loss, self._violation)
        if self.noisy:
            self._recommendation[...] = self._arrays.mean(self._personal_best[:count])

    def _accept(self, losses: Losses, violations: Losses) -> None:
        """Move the particles, and the personal bests of those that improved."""
        count = len(losses)
        self._position[:count] = self._rows[:count]
        improved = np.flatnonzero(
            beats(losses, violations, self._loss[:count], self._violation[:count])
        )
        index = self._arrays.index(improved)
        self._personal_best[index] = self._rows[index]
        self._loss[improved], self._violation[improved] = losses[improved], violations[improved]
