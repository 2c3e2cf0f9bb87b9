"""What particle swarms share: velocities that carry every particle past its personal best."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Unpack

from swarmnas.optimizers.arrays import Array
from swarmnas.optimizers.base import CommonSettings
from swarmnas.optimizers.comparison import Index
from swarmnas.optimizers.personal_best_swarm import PersonalBestSwarm

__all__ = ["SwarmSettings", "VelocitySwarm"]


class SwarmSettings(CommonSettings, total=False):
    """The keywords that every particle swarm takes."""

    bounds_handling: str


class VelocitySwarm(PersonalBestSwarm):
    """Particles that fly: ``x <- x + v``; algorithms differ in what changes v.

    Velocities start at 0 and have no limit unless an algorithm says so.
    """

    _state: ClassVar[tuple[str, ...]] = ("_velocity",)

    def __init__(self, **common: Unpack[SwarmSettings]) -> None:
        super().__init__(**common)
        self._velocity = self._arrays.zeros(self.population_size, self.num_dims)
        self._pull = self._arrays.zeros(self.population_size, self.num_dims)

    @abstractmethod
    def _accelerate(self, count: int) -> None:
        """Update the velocities of the first ``count`` particles."""

    def _challenge(self, count: int) -> None:
        self._accelerate(count)
        rows, velocity = self._rows[:count], self._velocity[:count]
        self._arrays.xp.add(self._position[:count], velocity, out=rows)
        self._bounds.apply(rows, velocity, self._box, self._rng)

    def _draw_to(self, exemplars: Array, count: int, strength: Any, draws: Array) -> None:
        """Add ``strength draws (exemplars - x)`` to the velocities of the first particles."""
        pull = self._pull[:count]
        self._arrays.xp.subtract(exemplars, self._position[:count], out=pull)
        pull *= draws
        pull *= strength
        self._velocity[:count] += pull

    def _limit_velocity(self, count: int, share: float) -> None:
        """Clip the first velocities to ``share`` of the box's *width*, whatever its place."""
        xp, velocity, limit = self._arrays.xp, self._velocity[:count], share * self._box.width
        xp.maximum(velocity, -limit, out=velocity)
        xp.minimum(velocity, limit, out=velocity)

    def _injected(self, particles: Index) -> None:
        super()._injected(particles)
        self._velocity[self._arrays.index(particles)] = 0
