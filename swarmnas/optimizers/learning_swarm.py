"""What swarms without memory share: some particles learn from better ones, and only they move."""

from __future__ import annotations

from typing import ClassVar, Unpack

from swarmnas.optimizers.arrays import Array
from swarmnas.optimizers.base import CommonSettings, Optimizer
from swarmnas.optimizers.bounds import bounds_handling as handling_of
from swarmnas.optimizers.comparison import Index

__all__ = ["LearningSettings", "LearningSwarm"]


class LearningSettings(CommonSettings, total=False):
    """The keywords that every learning swarm takes."""

    bounds_handling: str


class LearningSwarm(Optimizer):
    """Particles with a velocity and no personal best; the base of the competitive family.

    The algorithms of the family differ in who learns from whom. What learning is they share,
    with fresh uniform draws r for every component::

        v <- r1 v + r2 (first - x) + strength r3 (second - x)
        x <- x + v

    Args:
        bounds_handling: What happens to a particle that leaves the box: "clip", "rebound",
            "reflect", "wrap" or "resample" (:mod:`swarmnas.optimizers.bounds`).
        **common: See :class:`~swarmnas.optimizers.Optimizer`.
    """

    _state: ClassVar[tuple[str, ...]] = ("_velocity", "_new_velocity")

    def __init__(self, *, bounds_handling: str = "clip", **common: Unpack[CommonSettings]) -> None:
        super().__init__(**common)
        self._bounds = handling_of(bounds_handling)
        self.bounds_handling = bounds_handling
        most = self._most_learners()
        self._velocity = self._arrays.zeros(self.population_size, self.num_dims)
        self._new_velocity = self._arrays.zeros(most, self.num_dims)
        self._pull = self._arrays.zeros(most, self.num_dims)

    def _most_learners(self) -> int:
        """Return how many particles learn in one generation at most."""
        return self.population_size

    def _gather(self, particles: Index) -> Array:
        """Return the positions of ``particles`` in the buffer that :meth:`_learn` consumes."""
        out = self._pull[: len(particles)]
        return self._arrays.take(self._position, self._arrays.index(particles), out)

    def _learn(
        self, learners: Index, first: Array, second: Array | None, strength: Array | float
    ) -> None:
        """Write the learners' next positions into the first rows, and their velocities.

        Args:
            learners: ``(n,)``.
            first: ``(n, num_dims)``, what each learner is drawn to; overwritten.
            second: ``(n, num_dims)`` or ``(num_dims,)``; ``None`` is no second pull.
            strength: Of the second pull: a number or ``(n, 1)``.
        """
        arrays, count = self._arrays, len(learners)
        index = arrays.index(learners)
        draws = arrays.uniform(self._rng, 2 if second is None else 3, count, self.num_dims)
        position = arrays.take(self._position, index, self._rows[:count])
        velocity = arrays.take(self._velocity, index, self._new_velocity[:count])
        velocity *= draws[0]
        first -= position
        first *= draws[1]
        velocity += first
        if second is not None:
            pull = arrays.xp.subtract(second, position, out=first)
            pull *= draws[2]
            pull *= strength
            velocity += pull
        position += velocity
        self._bounds.apply(position, velocity, self._box, self._rng)

    def _move(self, learners: Index) -> None:
        """Put the learners where :meth:`_learn` sent them."""
        index = self._arrays.index(learners)
        self._position[index] = self._rows[: len(learners)]
        self._velocity[index] = self._new_velocity[: len(learners)]

    def _injected(self, particles: Index) -> None:
        self._velocity[self._arrays.index(particles)] = 0
