"""The fully informed particle swarm of Mendes, Kennedy and Neves (FIPS)."""

from __future__ import annotations

import math
from typing import ClassVar, Unpack

from swarmnas.checks import as_float, one_of
from swarmnas.optimizers.constricted_particle_swarm import constriction
from swarmnas.optimizers.velocity_swarm import SwarmSettings, VelocitySwarm

__all__ = ["FullyInformedSwarm"]


class FullyInformedSwarm(VelocitySwarm):
    """``pso-constriction`` in which all neighbours pull, none of them as a leader.

    ::

        v <- chi (v + mean over neighbours k of U(0, phi) (personal_best_k - x))

    No loss decides who pulls; a particle is not its own neighbour.

    Args:
        topology: "square": four neighbours on a torus of about sqrt(population_size) columns;
            "ring": the two beside it.
        phi: Sum of the pulls, > 4.
        **common: See :class:`~swarmnas.optimizers.personal_best_swarm.PersonalBestSwarm`.

    References:
        Mendes, Kennedy and Neves, "The fully informed particle swarm: simpler, maybe better",
        IEEE TEVC 8(3), 2004, eq. 3 and 4, the unweighted variant without self ("USquare",
        "URing").
        Differs from the paper: the square is a circulant, so that it takes any population;
        velocities start at 0 and have no limit; positions are clipped to the box, the velocity
        being kept; 40 particles in place of 20; the re-evaluation under noise is ours.
    """

    name: ClassVar[str] = "fips"

    def __init__(
        self, *, topology: str = "square", phi: float = 4.1, **common: Unpack[SwarmSettings]
    ) -> None:
        super().__init__(**common)
        self.topology = one_of("topology", topology, ("square", "ring"))
        self.phi = as_float("phi", phi)
        self._chi = constriction(self.phi)
        columns = max(1, round(math.sqrt(self.population_size)))
        self._offsets = (-1, 1) if topology == "ring" else (-1, 1, -columns, columns)

    def _accelerate(self, count: int) -> None:
        share, xp = self.phi / len(self._offsets), self._arrays.xp
        draws = self._arrays.uniform(self._rng, len(self._offsets), count, self.num_dims)
        for drawn, offset in zip(draws, self._offsets, strict=True):
            neighbours = xp.roll(
                self._personal_best, -offset, axis=0
            )  # row i is particle i + offset
            self._draw_to(neighbours[:count], count, share, drawn)  # eq. 3
        self._velocity[:count] *= self._chi  # eq. 4
