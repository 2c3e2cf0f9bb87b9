"""What happens to a particle that leaves the box, to its position and to its velocity.

=========  ===============================================  =====================================
name       position, where a component left the box         velocity there
=========  ===============================================  =====================================
clip       put on the bound                                 kept: it may push outwards again
rebound    put on the bound                                 reversed and halved
reflect    mirrored at the bound, as often as it takes      reversed by every mirror
wrap       enters from the opposite bound                   kept
resample   drawn uniformly in the box                       0
=========  ===============================================  =====================================
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from numpy.random import Generator

from swarmnas.checks import one_of
from swarmnas.optimizers.arrays import Array
from swarmnas.optimizers.box import Box

__all__ = ["BoundsHandling", "Clip", "Rebound", "Reflect", "Resample", "Wrap", "bounds_handling"]


class BoundsHandling(ABC):
    """Moves what left the box back into it, in place; has no state."""

    @abstractmethod
    def apply(self, positions: Array, velocities: Array | None, box: Box, rng: Generator) -> None:
        """Bring ``positions`` into ``box`` and change ``velocities`` to suit.

        Args:
            positions: ``(n, num_dims)``, changed in place.
            velocities: ``(n, num_dims)``, changed in place; ``None`` where there are none.
            box: The bounds, which know the kind of arrays.
            rng: For :class:`Resample`; the others draw nothing.
        """


class Clip(BoundsHandling):
    """Onto the bound; the velocity is kept."""

    def apply(self, positions: Array, velocities: Array | None, box: Box, rng: Generator) -> None:
        """Clip ``positions``."""
        box.clip(positions)


class Rebound(BoundsHandling):
    """Onto the bound; the velocity is reversed and halved, as in SPSO-2011."""

    def apply(self, positions: Array, velocities: Array | None, box: Box, rng: Generator) -> None:
        """Clip ``positions`` and turn the velocities of what was outside."""
        if velocities is not None:
            outside = box.outside(positions)
            velocities[...] = box.arrays.xp.where(outside, -0.5 * velocities, velocities)
        box.clip(positions)


class Reflect(BoundsHandling):
    """Mirrored at the bounds; each mirror reverses the velocity."""

    def apply(self, positions: Array, velocities: Array | None, box: Box, rng: Generator) -> None:
        """Fold ``positions`` into the box."""
        xp = box.arrays.xp
        outside = box.outside(positions)
        period = xp.remainder((positions - box.lower) / _divisor(box), 2.0)
        back = period > 1
        folded = box.lower + xp.where(back, 2 - period, period) * box.width
        positions[...] = xp.where(outside, folded, positions)
        if velocities is not None:
            velocities[...] = xp.where(outside & back, -velocities, velocities)
        box.clip(positions)  # rounding


class Wrap(BoundsHandling):
    """Out on one side and in on the other; the velocity is kept."""

    def apply(self, positions: Array, velocities: Array | None, box: Box, rng: Generator) -> None:
        """Wrap ``positions`` around the box."""
        xp = box.arrays.xp
        outside = box.outside(positions)
        share = xp.remainder((positions - box.lower) / _divisor(box), 1.0)
        positions[...] = xp.where(outside, box.lower + share * box.width, positions)
        box.clip(positions)  # rounding


class Resample(BoundsHandling):
    """Anywhere in the box; the velocity there becomes 0."""

    def apply(self, positions: Array, velocities: Array | None, box: Box, rng: Generator) -> None:
        """Draw the components that left the box anew."""
        xp = box.arrays.xp
        outside = box.outside(positions)
        if not bool(xp.any(outside)):
            return
        draws = box.arrays.uniform(rng, *positions.shape)
        positions[...] = xp.where(outside, box.lower + draws * box.width, positions)
        if velocities is not None:
            velocities[...] = xp.where(outside, xp.zeros_like(velocities), velocities)
        box.clip(positions)  # rounding


def _divisor(box: Box) -> Array:
    """Return the box's width, and 1 where it is 0."""
    return box.arrays.xp.where(box.width > 0, box.width, box.arrays.xp.ones_like(box.width))


_HANDLINGS: dict[str, BoundsHandling] = {
    "clip": Clip(),
    "rebound": Rebound(),
    "reflect": Reflect(),
    "wrap": Wrap(),
    "resample": Resample(),
}


def bounds_handling(name: str) -> BoundsHandling:
    """Return the handling of that name.

    Raises:
        UnknownNameError: No such name; the message has the nearest known one.

    Example:
        >>> type(bounds_handling("wrap")).__name__
        'Wrap'
    """
    return _HANDLINGS[one_of("bounds_handling", name, _HANDLINGS)]
