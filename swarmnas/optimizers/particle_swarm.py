"""Particle swarm optimisation with one global leader and an inertia weight (PSO)."""

from __future__ import annotations

from typing import ClassVar, Unpack

from swarmnas.checks import as_float
from swarmnas.optimizers.velocity_swarm import SwarmSettings, VelocitySwarm

__all__ = ["ParticleSwarm"]


class ParticleSwarm(VelocitySwarm):
    """Global-best particle swarm with inertia.

    Each generation, with fresh uniform draws r for every component::

        v <- inertia v + cognitive r1 (personal_best - x) + social r2 (global_best - x)
        x <- x + v

    Args:
        inertia: Share of the velocity that is kept, >= 0.
        cognitive: Pull towards the particle's own best, >= 0.
        social: Pull towards the leader, >= 0.
        **common: See :class:`~swarmnas.optimizers.personal_best_swarm.PersonalBestSwarm`.

    References:
        Shi and Eberhart, "A modified particle swarm optimizer", ICEC 1998, eq. 1 and 2.
        Differs from the paper: the coefficients default to those equivalent to constriction
        (Clerc and Kennedy, 2002); velocities start at 0 and have no limit; positions are clipped
        to the box, the velocity being kept; the re-evaluation under noise is ours.
    """

    name: ClassVar[str] = "pso"

    def __init__(
        self,
        *,
        inertia: float = 0.7298,
        cognitive: float = 1.49618,
        social: float = 1.49618,
        **common: Unpack[SwarmSettings],
    ) -> None:
        super().__init__(**common)
        self.inertia = as_float("inertia", inertia, low=0)
        self.cognitive = as_float("cognitive", cognitive, low=0)
        self.social = as_float("social", social, low=0)

    def _accelerate(self, count: int) -> None:
        draws = self._arrays.uniform(self._rng, 2, count, self.num_dims)
        self._velocity[:count] *= self.inertia  # eq. 1
        self._draw_to(self._personal_best[:count], count, self.cognitive, draws[0])
        self._draw_to(self._leader, count, self.social, draws[1])
