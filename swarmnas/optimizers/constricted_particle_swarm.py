"""Particle swarm optimisation with Clerc and Kennedy's constriction factor."""

from __future__ import annotations

import math
from typing import ClassVar, Unpack

from swarmnas.checks import as_float, explain
from swarmnas.errors import SettingError
from swarmnas.optimizers.velocity_swarm import SwarmSettings, VelocitySwarm

__all__ = ["ConstrictedParticleSwarm", "constriction"]


def constriction(pull: float) -> float:
    """Return the factor chi for the sum of all pulls, which must exceed 4.

    Example:
        >>> round(constriction(4.1), 4)
        0.7298

    References:
        Clerc and Kennedy, "The particle swarm: explosion, stability, and convergence in a
        multidimensional complex space", IEEE TEVC 6(1), 2002. Differs from the paper: nothing.
    """
    if pull <= 4:
        fix = "Raise the pulls, for example to 2.05 each."
        raise SettingError(explain("cognitive + social", "a sum > 4", f"{pull:g}", fix))
    return 2 / abs(2 - pull - math.sqrt(pull * pull - 4 * pull))


class ConstrictedParticleSwarm(VelocitySwarm):
    """``pso`` with the whole velocity constricted, so that it cannot explode.

    ::

        v <- chi (v + cognitive r1 (personal_best - x) + social r2 (global_best - x))
        chi = 2 / |2 - phi - sqrt(phi^2 - 4 phi)|, phi = cognitive + social > 4

    Args:
        cognitive: Pull towards the particle's own best, >= 0.
        social: Pull towards the leader, >= 0.
        velocity_limit: Largest component of a velocity over the box's width, > 0.
        **common: See :class:`~swarmnas.optimizers.personal_best_swarm.PersonalBestSwarm`.

    References:
        Clerc and Kennedy, "The particle swarm: explosion, stability, and convergence in a
        multidimensional complex space", IEEE TEVC 6(1), 2002; the limit of one box width from
        Eberhart and Shi, "Comparing inertia weights and constriction factors", CEC 2000.
        Differs from the papers: velocities start at 0; positions are clipped to the box, the
        velocity being kept; the re-evaluation under noise is ours.
    """

    name: ClassVar[str] = "pso-constriction"

    def __init__(
        self,
        *,
        cognitive: float = 2.05,
        social: float = 2.05,
        velocity_limit: float = 1.0,
        **common: Unpack[SwarmSettings],
    ) -> None:
        super().__init__(**common)
        self.cognitive = as_float("cognitive", cognitive, low=0)
        self.social = as_float("social", social, low=0)
        self.velocity_limit = as_float("velocity_limit", velocity_limit, low=0, open_low=True)
        self._chi = constriction(self.cognitive + self.social)

    def _accelerate(self, count: int) -> None:
        draws = self._arrays.uniform(self._rng, 2, count, self.num_dims)
        self._draw_to(self._personal_best[:count], count, self.cognitive, draws[0])
        self._draw_to(self._leader, count, self.social, draws[1])
        self._velocity[:count] *= self._chi
        self._limit_velocity(count, self.velocity_limit)
