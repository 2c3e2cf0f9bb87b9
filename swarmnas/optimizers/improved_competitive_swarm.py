"""An improved competitive swarm (ICSO): our reconstruction of what G-ICSO-NAS explores with."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import numpy as np

from swarmnas.checks import as_float, as_int
from swarmnas.optimizers.arrays import Array
from swarmnas.optimizers.comparison import Index, Losses, best_row, order
from swarmnas.optimizers.competitive_swarm import CompetitiveSwarm
from swarmnas.optimizers.diversity import crowding, diversity_aware_fitness
from swarmnas.optimizers.learning_swarm import LearningSettings

__all__ = ["ImprovedCompetitiveSwarm"]

_TARGET = 0.43
"""Share of losers that beat their teachers at once at which the scatter keeps its size."""
_SMALLEST, _LARGEST = 0.01, 4.0
"""What the size of the scatter stays within."""
_SPREAD = 0.5
"""Share of the difference of two winners in the drift."""


class ImprovedCompetitiveSwarm(CompetitiveSwarm):
    """Competitive swarm plus named changes, each with a switch; a reconstruction.

    1. **Diversity-aware fitness** (``crowding_weight=0`` switches it off) decides who wins: the
       rank of the loss blended with the rank of how crowded the particle is. The weight of the
       second falls to 0 as the search progresses.
    2. **Guide** (``guide=False``): losers learn from their winner and from a centre of the best
       quarter by raw loss, weighted by the logarithm of its rank, in place of the plain mean.
    3. **Rising pull** (``final_phi=phi``): the pull towards the guide grows with the progress.
    4. **Scatter** (``scatter=0``): a loser's velocity also gains the difference of two random
       winners times ``scatter`` times a size s. Without noise s adapts (``adaptation=0``): it
       grows while more than 43 % of the losers beat their teachers at once, else it shrinks.
    5. **Damping** (``inertia=1``): the part of a velocity that is kept is drawn below
       ``inertia`` in place of 1.
    6. **Shrinking swarm** (``final_share=1``), only with a budget: the worst by raw loss rest,
       ever more of them; in the end ``final_share`` of the swarm still competes.
    7. **Drift** (``drift=0``), under noise alone, where winners are evaluated again anyway: they
       move as well, towards the guide and by a difference of two of them.
    8. **Safe incumbent**, off unless ``keep_incumbent=True``: without noise the best particle by
       raw loss wins whatever its crowding, so it is never overwritten.
    9. **Re-seeding**, off unless ``reseed_after`` is a number: a particle that lost so many
       competitions in a row starts again anywhere in the box, at rest.

    Under noise changes 3 to 6 are off unless they are asked for: they did not pay there.

    Progress runs from 0 to 1: the used share of ``max_evaluations``; without a budget, the share
    of the first diversity that is lost.

    With all switched off it equals ``cso`` step by step. The shaped fitness decides competitions
    alone; ``best_position`` and ``best_loss`` follow the raw loss.

    Args:
        crowding_weight: The first weight of crowding, in [0, 1].
        neighbours: How many nearest particles the crowding looks at, >= 1.
        guide: Whether losers learn from the weighted centre of the best.
        phi: The first pull towards the guide; ``None`` takes 0.4, under noise 1, or without guide
            that of ``cso``.
        final_phi: The last pull; ``None`` takes ``phi`` if that was given, under noise or without
            guide, else 1.5.
        scatter: Size of the difference of two winners, >= 0; ``None`` takes 0.3, under noise 0.
        adaptation: How fast the scatter's size follows the share of successes, >= 0.
        inertia: Largest kept share of a velocity, in [0, 1]; ``None`` takes 0.7, under noise 1.
        final_share: Share of the swarm that competes in the end, in [0, 1], but never less than
            one pair; ``None`` takes 0.25, under noise 1.
        drift: Pull of the winners towards the guide under noise, >= 0.
        keep_incumbent: Whether the best particle is safe.
        reseed_after: Lost competitions in a row, >= 1, or ``None`` for never.
        **common: See :class:`~swarmnas.optimizers.learning_swarm.LearningSwarm`.
            ``population_size=None`` takes 60, or that of ``cso`` where it is larger.

    References:
        Du et al., "G-ICSO-NAS", arXiv 2604.00703, 2026, of which only the abstract is public.
        Differs from the paper: unknown. Every formula and number here is our reconstruction.
        Differs from CSO (Cheng and Jin, 2015): the changes above. The weights of the guide are
        those of recombination in CMA-ES (Hansen and Ostermeier, 2001), the scatter is the
        difference vector of differential evolution (Storn and Price, 1997), its adaptation
        follows the success rule of evolution strategies (Rechenberg, 1973), and the swarm
        shrinks as in L-SHADE (Tanabe and Fukunaga, 2014), but without deleting anybody.
    """

    name: ClassVar[str] = "icso"
    _state: ClassVar[tuple[str, ...]] = ("_first_diversity", "_scatter_size", "_lost_in_a_row")

    def __init__(
        self,
        *,
        crowding_weight: float = 0.3,
        neighbours: int = 3,
        guide: bool = True,
        phi: float | None = None,
        final_phi: float | None = None,
        scatter: float | None = None,
        adaptation: float = 0.4,
        inertia: float | None = None,
        final_share: float | None = None,
        drift: float = 1.2,
        keep_incumbent: bool = False,
        reseed_after: int | None = None,
        **common: Unpack[LearningSettings],
    ) -> None:
        noisy = bool(common.get("noisy", False))
        if phi is None and guide:
            phi = 1.0 if noisy else 0.4
            if final_phi is None and not noisy:
                final_phi = 1.5
        super().__init__(phi=phi, **common)
        self.crowding_weight = as_float("crowding_weight", crowding_weight, low=0, high=1)
        self.neighbours = as_int("neighbours", neighbours, low=1)
        self.guide = bool(guide)
        self.final_phi = self.phi if final_phi is None else as_float("final_phi", final_phi, low=0)
        if scatter is None:
            scatter = 0.0 if noisy else 0.3
        self.scatter = as_float("scatter", scatter, low=0)
        self.adaptation = as_float("adaptation", adaptation, low=0)
        if inertia is None:
            inertia = 1.0 if noisy else 0.7
        self.inertia = as_float("inertia", inertia, low=0, high=1)
        if final_share is None:
            final_share = 1.0 if noisy else 0.25
        self.final_share = as_float("final_share", final_share, low=0, high=1)
        self.drift = as_float("drift", drift, low=0)
        self.keep_incumbent = bool(keep_incumbent)
        self.reseed_after = (
            None if reseed_after is None else as_int("reseed_after", reseed_after, low=1)
        )
        self._lost_in_a_row = np.zeros(self.population_size, dtype=np.int64)
        self._first_diversity = self.diversity
        self._scatter_size = 1.0
        self._now = 0.0
        """The progress at the latest competition, which always comes first."""

    def _recommended_population(self) -> int:
        return max(60, super()._recommended_population())

    def _progress(self) -> float:
        """Return how far the search is, in [0, 1]."""
        if self.max_evaluations is not None:
            return min(1.0, self.evaluations / self.max_evaluations)
        if self._first_diversity == 0:
            return 1.0
        return max(0.0, 1 - self.diversity / self._first_diversity)

    def _contestants(self) -> Index:
        if self.final_share == 1 or self.max_evaluations is None:
            return super()._contestants()
        share = 1 - (1 - self.final_share) * self._progress()
        count = max(2, 2 * round(share * self.population_size / 2))
        return np.asarray(order(self._loss, self._violation)[:count])

    def _compete(self, first: Index, second: Index) -> None:
        self._now = self._progress()
        super()._compete(first, second)
        if self.keep_incumbent and not self.noisy:
            saved = second == best_row(self._loss, self._violation)
            first[saved], second[saved] = second[saved], first[saved]
        self._lost_in_a_row[first] = 0
        self._lost_in_a_row[second] += 1

    def _second_wins(self, first: Index, second: Index) -> Any:
        weight = self.crowding_weight * (1 - self._now)
        if weight == 0:
            return super()._second_wins(first, second)
        spacing = crowding(
            self._position, self._box.lower, self._box.upper, neighbours=self.neighbours
        )
        fitness = diversity_aware_fitness(self._loss, spacing, weight, violations=self._violation)
        return fitness[second] < fitness[first]

    def _guide(self) -> Array:
        if not self.guide:
            return super()._guide()
        quarter = order(self._loss, self._violation)[: max(1, self._num_pairs // 2)]
        best = quarter[np.isfinite(self._loss[quarter])]
        if len(best) == 0:
            return super()._guide()
        weights = np.log(len(best) + 0.5) - np.log(np.arange(1, len(best) + 1))
        weights /= weights.sum()
        return self._arrays.array(weights) @ self._gathered(self._position, best)

    def _teach(self, winners: Index, losers: Index) -> None:
        pull = self.phi + (self.final_phi - self.phi) * self._now
        drifts = self.noisy and self.drift > 0
        guide = self._guide() if pull or drifts else None
        self._learn(losers, self._gather(winners), guide if pull else None, pull)
        rows, velocity = self._rows[: len(losers)], self._new_velocity[: len(losers)]
        if self.scatter:
            kick = self._difference(winners)
            kick *= self.scatter * self._scatter_size
            rows += kick
            velocity += kick
            self._bounds.apply(rows, velocity, self._box, self._rng)
        if self.inertia != 1:
            velocity *= self.inertia  # now, for the draw of the next generation
        if self.reseed_after is not None:
            self._reseed(losers, self.reseed_after)
        if drifts:
            self._drift(winners, guide)

    def _reseed(self, losers: Index, limit: int) -> None:
        """Let those that lost ``limit`` competitions in a row start again anywhere, at rest."""
        stagnant = np.flatnonzero(self._lost_in_a_row[losers] >= limit)
        if len(stagnant) == 0:
            return
        index = self._arrays.index(stagnant)
        fresh = self._arrays.zeros(len(stagnant), self.num_dims)
        self._rows[index] = self._box.sample(self._rng, len(stagnant), fresh)
        self._new_velocity[index] = 0
        self._lost_in_a_row[losers[stagnant]] = 0

    def _injected(self, particles: Index) -> None:
        super()._injected(particles)
        self._lost_in_a_row[particles] = 0

    def _difference(self, particles: Index) -> Array:
        """Return for each particle the difference of two random ones of them, a new array."""
        shuffled = self._gathered(self._position, self._rng.permutation(particles))
        result = self._arrays.copy(shuffled)
        result[1:] -= shuffled[:-1]
        result[0] -= shuffled[-1]
        return result

    def _drift(self, winners: Index, guide: Array) -> None:
        """Move the winners towards the guide and by differences among them."""
        arrays, index = self._arrays, self._arrays.index(winners)
        position = self._gathered(self._position, winners)
        spread = self._difference(winners)
        pull = guide - position
        pull *= arrays.uniform(self._rng, len(winners), self.num_dims)
        pull *= self.drift
        spread *= _SPREAD
        position += pull
        position += spread
        self._bounds.apply(position, None, self._box, self._rng)
        self._position[index] = position

    def _update(self, losses: Losses, violations: Losses) -> None:
        comparable = not (self._starting or self.noisy)
        super()._update(losses, violations)
        if comparable and self.scatter and self.adaptation:
            winners, losers = self._pairs[:, : self._num_pairs]
            successes = float(np.mean(super()._second_wins(winners, losers)))
            size = self._scatter_size * float(np.exp(self.adaptation * (successes - _TARGET)))
            self._scatter_size = min(_LARGEST, max(_SMALLEST, size))
