"""Standard particle swarm optimisation 2011 (SPSO-2011) of Clerc."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Unpack

import numpy as np

from swarmnas.checks import as_float, as_int
from swarmnas.optimizers.arrays import Array
from swarmnas.optimizers.base import CommonSettings
from swarmnas.optimizers.comparison import Index, order
from swarmnas.optimizers.velocity_swarm import VelocitySwarm

__all__ = ["StandardParticleSwarm"]


class StandardParticleSwarm(VelocitySwarm):
    """``pso`` that samples a ball instead of a box, led by random informants.

    Each particle informs itself and every other one with probability
    ``1 - (1 - 1/n)^informed``; l is the best personal best among a particle's informants. With u
    a random direction and r uniform in [0, 1), one draw a particle::

        p = x + pull (personal_best - x),  q = x + pull (l - x)
        G = (x + p + q) / 3, or (x + p) / 2 where l is the particle's own
        v <- inertia v + (G + r |G - x| u) - x
        x <- x + v

    The links are drawn anew after every generation without a new best; under noise, where that
    cannot be known, after every generation.

    Args:
        inertia: Share of the velocity that is kept, >= 0; ``None`` is 1 / (2 ln 2).
        pull: Towards the personal best and towards l, >= 0; ``None`` is 1/2 + ln 2.
        informed: Others that a particle informs, about, >= 1.
        bounds_handling: As for all; the default "rebound" is the standard's.
        **common: See :class:`~swarmnas.optimizers.personal_best_swarm.PersonalBestSwarm`.

    References:
        Clerc, "Standard particle swarm optimisation", HAL hal-00764996, 2012;
        Zambrano-Bigiarini, Clerc and Rojas, "Standard particle swarm optimisation 2011 at
        CEC-2013", CEC 2013.
        Differs from the standard: particles move together at the end of a generation; the
        re-evaluation under noise is ours.
    """

    name: ClassVar[str] = "spso2011"
    _state: ClassVar[tuple[str, ...]] = ("_informs",)

    def __init__(
        self,
        *,
        inertia: float | None = None,
        pull: float | None = None,
        informed: int = 3,
        bounds_handling: str = "rebound",
        **common: Unpack[CommonSettings],
    ) -> None:
        super().__init__(bounds_handling=bounds_handling, **common)
        self.inertia = (
            1 / (2 * math.log(2)) if inertia is None else as_float("inertia", inertia, low=0)
        )
        self.pull = 0.5 + math.log(2) if pull is None else as_float("pull", pull, low=0)
        self.informed = as_int("informed", informed, low=1)
        self._box.sample(self._rng, self.population_size, self._velocity)
        self._velocity -= self._position  # U(lower - x, upper - x)
        self._informs = self._links()
        """``(n, n)``: whether the row's particle informs the column's."""

    def _links(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        size = self.population_size
        links = self._rng.random((size, size)) < 1 - (1 - 1 / size) ** self.informed
        np.fill_diagonal(links, True)
        return links

    def _accelerate(self, count: int) -> None:
        arrays, xp = self._arrays, self._arrays.xp
        ranked = order(self._loss, self._violation)
        leaders = ranked[self._informs[ranked].argmax(axis=0)][:count]  # the first that informs
        alone = arrays.array((leaders == np.arange(count))[:, None])
        position, best = self._position[:count], self._personal_best[:count]
        lead = self._personal_best[arrays.index(leaders)]
        offset = self.pull * (best - position + (1 - alone) * (lead - position)) / (3 - alone)
        scale = float(xp.max(self._box.width)) or 1.0  # squares of no scale over- or underflow
        radius = scale * _norm(xp, offset / scale)
        direction = arrays.normal(self._rng, count, self.num_dims)
        length = _norm(xp, direction)
        share = arrays.uniform(self._rng, count, 1)
        velocity = self._velocity[:count]
        velocity *= self.inertia
        velocity += offset
        velocity += direction * (share * radius / length)

    def _judged(self, improved: Index) -> None:
        if self.noisy or self._best_generation <= self.generation:
            self._informs[...] = self._links()


def _norm(xp: Any, rows: Array) -> Array:
    """Return the length of each row, ``(n, 1)``."""
    return xp.sqrt(xp.sum(rows * rows, axis=1))[:, None]
