"""Optimizers by name."""

from __future__ import annotations

import inspect
from typing import Any

from swarmnas.checks import one_of
from swarmnas.optimizers.base import CommonSettings, Optimizer
from swarmnas.registry import Registry
from swarmnas.rng import Seed

__all__ = ["available", "create", "optimizers"]

optimizers = Registry[type[Optimizer]](kind="optimizer")
"""Every optimizer by name; other packages add theirs by entry points."""

_HERE = "swarmnas.optimizers"
optimizers.add(
    "cso",
    f"{_HERE}.competitive_swarm:CompetitiveSwarm",
    summary="Competitive swarm: losers of random pairs learn.",
)
optimizers.add(
    "icso",
    f"{_HERE}.improved_competitive_swarm:ImprovedCompetitiveSwarm",
    summary="Competitive swarm with diversity-aware fitness, a guide and re-seeding.",
)
optimizers.add(
    "pso",
    f"{_HERE}.particle_swarm:ParticleSwarm",
    summary="Particle swarm with one global leader and inertia.",
)
optimizers.add(
    "random",
    f"{_HERE}.random_search:RandomSearch",
    summary="Uniform random search, the yardstick.",
)


def available() -> dict[str, str]:
    """Return every registered name with its one-line summary.

    Example:
        >>> "icso" in available()
        True
    """
    return {name: entry.summary for name, entry in optimizers.entries().items()}


def create(
    name: str,
    *,
    bounds: Any,
    seed: Seed,
    population_size: int | None = None,
    max_evaluations: int | None = None,
    noisy: bool = False,
    initial_positions: Any = None,
    like: Any = None,
    dtype: Any = None,
    draws: str = "host",
    **settings: Any,
) -> Optimizer:
    """Create an optimizer by name.

    Args:
        name: A registered name (:func:`available` lists them).
        bounds: ``(lower, upper)``, each ``(num_dims,)``; equal bounds fix a dimension.
        seed: An integer >= 0 or a ``SeedSequence``.
        population_size: Particles; ``None`` takes what the algorithm's paper recommends.
        max_evaluations: The budget in told rows; ``None`` is no limit.
        noisy: Losses of one point differ between calls; only losses of one ``ask`` are compared.
        initial_positions: ``(k, num_dims)``, k <= population_size, inside the bounds.
        like: An array whose library and device the swarm lives on; ``None`` is NumPy.
        dtype: ``float64`` or ``float32``; ``None`` is that of ``like``.
        draws: ``"host"``: the same draws on every backend; ``"device"``: drawn on the device.
        **settings: The algorithm's own settings, and the stopping thresholds ``target_loss``,
            ``min_diversity``, ``max_stagnation`` of :class:`Optimizer`.

    Raises:
        UnknownNameError: No such optimizer or setting; the message has the nearest known one.
        SettingError: A setting is outside what it allows.
        ShapeError: ``bounds`` or ``initial_positions`` has the wrong shape.

    Example:
        >>> create("cso", bounds=([-1.0], [1.0]), seed=0, phi=0.1).settings
        {'phi': 0.1}
    """
    kind = optimizers.load(name)
    thresholds = set(CommonSettings.__annotations__) - set(inspect.signature(create).parameters)
    known = [*kind.setting_names(), *thresholds]
    for setting in settings:
        one_of(f"{name} setting", setting, known)
    return kind(
        bounds=bounds,
        seed=seed,
        population_size=population_size,
        max_evaluations=max_evaluations,
        noisy=noisy,
        initial_positions=initial_positions,
        like=like,
        dtype=dtype,
        draws=draws,
        **settings,
    )
