"""Parameters of a tuner as dimensions of the unit cube, and a swarm in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from swarmnas.optimizers import Optimizer, create

__all__ = ["Dimension", "swarm_in_cube"]

_PARTICLES = 16
"""At most, unless a user says otherwise: a few hundred trials make some generations."""


def swarm_in_cube(
    method: str,
    *,
    num_dims: int,
    seed: int,
    population_size: int | None,
    settings: Mapping[str, Any],
) -> Optimizer:
    """Return a swarm in the unit cube, of a size for the budgets of tuners.

    Args:
        method: A registered optimizer.
        num_dims: Of the cube.
        seed: An integer >= 0.
        population_size: Particles; ``None`` is 16, or what the method recommends if that is less.
        settings: Further settings of the optimizer.

    Raises:
        SwarmNASError: What ``create`` refuses.
    """
    box = (np.zeros(num_dims), np.ones(num_dims))
    make = partial(create, method, bounds=box, seed=seed, **settings)
    if population_size is None:
        population_size = min(make().population_size, _PARTICLES)
    return make(population_size=population_size)


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """A numeric parameter, linear or logarithmic, continuous or on a grid.

    A uniform draw from [0, 1] becomes a draw from the distribution that the tuner declares.

    Example:
        >>> rate = Dimension(low=1e-4, high=1.0, log=True)
        >>> round(rate.decode(0.5), 6), round(rate.encode(0.01), 6)
        (0.01, 0.5)
        >>> layers = Dimension(low=0.5, high=4.5, step=1, origin=1, count=4, integer=True)
        >>> [layers.decode(unit) for unit in (0.0, 0.3, 1.0)]
        [1, 2, 4]
    """

    low: float
    """Where the continuous range starts; > 0 where ``log``."""
    high: float
    log: bool = False
    step: float = 0.0
    """The distance of grid points; 0 is no grid."""
    origin: float = 0.0
    """The first grid point."""
    edge: float | None = None
    """From where on a number belongs to the first grid point; ``None`` is half a step before."""
    count: int = 1
    """Grid points."""
    integer: bool = False

    def _edge(self) -> float:
        return self.origin - self.step / 2 if self.edge is None else self.edge

    def decode(self, unit: float) -> float | int:
        """Return the value for a position in [0, 1]."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        number = low + float(unit) * (high - low)
        number = min(max(math.exp(number) if self.log else number, self.low), self.high)
        if not self.step:
            return number
        point = math.floor((number - self._edge()) / self.step)
        value = self.origin + min(max(point, 0), self.count - 1) * self.step
        return round(value) if self.integer else value

    def encode(self, value: float) -> float:
        """Return a position in [0, 1] that decodes to ``value``."""
        number = float(value)
        if self.step:
            number += self._edge() + self.step / 2 - self.origin  # the middle of its cell
        number = min(max(number, self.low), self.high)
        low, high = self._scaled(self.low), self._scaled(self.high)
        return (self._scaled(number) - low) / (high - low) if high > low else 0.0

    def _scaled(self, number: float) -> float:
        return math.log(number) if self.log else number
