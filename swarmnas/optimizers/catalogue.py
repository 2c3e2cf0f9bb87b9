"""Optimizers by name."""

from __future__ import annotations

import inspect
from typing import Any

from swarmnas.checks import one_of
from swarmnas.optimizers.base import CommonSettings, Optimizer
from swarmnas.registry import Registry
from swarmnas.rng import Seed

__all__ = ["available", "create", "optimizers"]

optimizers = Registry[type[Optimizer]](kind="optimizer", holds=Optimizer)
"""Every optimizer by name; other packages add theirs by entry points."""

for _name, _target, _summary in (
    (
        "clpso",
        "comprehensive_learning_swarm:ComprehensiveLearningSwarm",
        "Particle swarm that learns each dimension from another particle.",
    ),
    (
        "cma",
        "covariance_matrix:CovarianceMatrixAdaptation",
        "CMA-ES of pycma with restarts in growing populations, a baseline.",
    ),
    (
        "cso",
        "competitive_swarm:CompetitiveSwarm",
        "Competitive swarm: losers of random pairs learn.",
    ),
    (
        "cso-ma",
        "mutated_competitive_swarm:MutatedCompetitiveSwarm",
        "Competitive swarm with one mutated loser a generation.",
    ),
    (
        "de",
        "differential_evolution:DifferentialEvolution",
        "Differential evolution, rand/1/bin or best/1/bin, a baseline.",
    ),
    (
        "dllso",
        "dynamic_level_swarm:DynamicLevelSwarm",
        "Level-based learning swarm that picks its number of levels.",
    ),
    (
        "fips",
        "fully_informed_swarm:FullyInformedSwarm",
        "Particle swarm in which all neighbours pull.",
    ),
    (
        "icso",
        "improved_competitive_swarm:ImprovedCompetitiveSwarm",
        "Competitive swarm with diversity-aware fitness and a guide (reconstruction).",
    ),
    (
        "llso",
        "level_based_swarm:LevelBasedSwarm",
        "Level-based learning swarm: lower levels learn from higher ones.",
    ),
    (
        "mcso",
        "tri_competitive_swarm:TriCompetitiveSwarm",
        "Competitive swarm in random triples, two of which learn.",
    ),
    (
        "pso",
        "particle_swarm:ParticleSwarm",
        "Particle swarm with one global leader and inertia.",
    ),
    (
        "pso-constriction",
        "constricted_particle_swarm:ConstrictedParticleSwarm",
        "Particle swarm with one global leader and constriction.",
    ),
    ("random", "random_search:RandomSearch", "Uniform random search, the yardstick."),
    (
        "sdlso",
        "dominance_swarm:DominanceSwarm",
        "Swarm whose particles learn where two random others beat them.",
    ),
    (
        "sl-pso",
        "social_learning_swarm:SocialLearningSwarm",
        "Social learning: each dimension from another better particle.",
    ),
    (
        "spso2011",
        "standard_particle_swarm:StandardParticleSwarm",
        "Standard particle swarm 2011: balls, random informants.",
    ),
):
    optimizers.add(_name, f"swarmnas.optimizers.{_target}", summary=_summary)
optimizers.add_family(
    "nevergrad",
    "swarmnas.optimizers.nevergrad_bridge:nevergrad_optimizer",
    summary="Any adaptive optimizer of nevergrad by its name there, a baseline.",
)


def available() -> dict[str, str]:
    """Return every registered name with its one-line summary.

    ``nevergrad:NAME`` stands for a name of nevergrad's in the place of NAME.

    Example:
        >>> "icso" in available()
        True
    """
    families = {f"{name}:NAME": entry for name, entry in optimizers.families().items()}
    return {name: entry.summary for name, entry in {**optimizers.entries(), **families}.items()}


def create(
    name: str,
    *,
    bounds: Any,
    seed: Seed,
    population_size: int | None = None,
    max_evaluations: int | None = None,
    noisy: bool = False,
    initial_positions: Any = None,
    initial_losses: Any = None,
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
        initial_positions: ``(k, num_dims)``, 1 <= k <= population_size, inside the bounds.
        initial_losses: ``(k,)``, what is known of them, so that they are not evaluated again;
            not looked at with ``noisy=True``.
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
        {'bounds_handling': 'clip', 'phi': 0.1}
    """
    kind = optimizers.load(name)
    thresholds = set(CommonSettings.__annotations__) - set(inspect.signature(create).parameters)
    known = [*kind.setting_names(), *thresholds]
    for setting in settings:
        one_of(f"{name} setting", setting, known)
    known_start = initial_positions is not None and initial_losses is not None
    optimizer = kind(
        bounds=bounds,
        seed=seed,
        population_size=population_size,
        max_evaluations=max_evaluations,
        noisy=noisy,
        initial_positions=None if known_start else initial_positions,
        like=like,
        dtype=dtype,
        draws=draws,
        **settings,
    )
    if known_start:
        optimizer.inject(initial_positions, initial_losses)
    return optimizer
