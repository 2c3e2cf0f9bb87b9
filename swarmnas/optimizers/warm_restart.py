"""One optimizer goes on where another stands."""

from __future__ import annotations

from typing import Any

from swarmnas.optimizers.base import Optimizer
from swarmnas.optimizers.catalogue import create
from swarmnas.rng import Seed

__all__ = ["warm_restart"]


def warm_restart(name: str, source: Optimizer, *, seed: Seed, **settings: Any) -> Optimizer:
    """Create an optimizer that starts from what another one knows.

    The new swarm takes the best points of ``source`` whose losses are known (a particle's own
    best where the algorithm keeps one, and the best row told), with those losses, so that none
    is evaluated again; the rest of it starts at random. Under noise it takes the positions
    alone. Velocities start at 0, and counters too.

    Args:
        name: A registered name, that of ``source`` or another.
        source: Any optimizer; unchanged.
        seed: An integer >= 0 or a ``SeedSequence``; not that of ``source``.
        **settings: As for :func:`create`. What is not given of ``noisy``, ``like`` and ``dtype``
            is that of ``source``; the bounds always are.

    Raises:
        SettingError: As :func:`create`; or the two differ in ``noisy``.
        UnknownNameError: As :func:`create`.

    Example:
        >>> first = create("cso", bounds=([-5.0], [5.0]), seed=0)
        >>> for _ in range(20):
        ...     rows = first.ask()
        ...     first.tell(rows, (rows**2).sum(axis=1))
        >>> second = warm_restart("pso", first, seed=1, population_size=20)
        >>> second.best_loss == first.best_loss
        True
    """
    positions, losses, violations = source.memory()
    given = {"noisy": source.noisy, "like": positions, **settings}
    optimizer = create(name, bounds=source.bounds, seed=seed, **given)
    count = min(len(losses), optimizer.population_size)
    if count:
        feasible_only = None if not violations.any() else violations[:count]
        optimizer.inject(positions[:count], losses[:count], feasible_only)
    return optimizer
