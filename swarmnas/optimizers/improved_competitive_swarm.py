"""An improved competitive swarm (ICSO): our reconstruction of what G-ICSO-NAS explores with."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import numpy as np

from swarmnas.checks import as_float, as_int
from swarmnas.optimizers.arrays import Array
from swarmnas.optimizers.base import CommonSettings
from swarmnas.optimizers.comparison import Index, best_row, order
from swarmnas.optimizers.competitive_swarm import CompetitiveSwarm
from swarmnas.optimizers.diversity import crowding, diversity_aware_fitness

__all__ = ["ImprovedCompetitiveSwarm"]


class ImprovedCompetitiveSwarm(CompetitiveSwarm):
    """Competitive swarm plus four named changes; a reconstruction.

    1. **Diversity-aware fitness** (``crowding_weight=0`` switches it off) decides who wins: the
       rank of the loss blended with the rank of how crowded the particle is. The weight of the
       second falls to 0 over ``max_evaluations``; without a budget it is proportional to the
       swarm's diversity, relative to that of the start.
    2. **Guide** (``guide=False``): losers learn from their winner and from a centre of the best
       quarter by raw loss, weighted by the logarithm of its rank, in place of the plain mean.
    3. **Incumbent** (``keep_incumbent=False``): without noise, the best particle by raw loss
       never loses, so it is never overwritten.
    4. **Re-seeding** (``reseed_after=None``): a particle that lost so many competitions in a row
       starts again at a random place of the box, at rest.

    With all four switched off it equals ``cso`` step by step. The shaped fitness decides
    competitions alone; ``best_position`` and ``best_loss`` follow the raw loss.

    Args:
        crowding_weight: The first weight of crowding, in [0, 1].
        neighbours: How many nearest particles the crowding looks at, >= 1.
        guide: Whether losers learn from the weighted centre of the best.
        keep_incumbent: Whether the best particle is safe.
        reseed_after: Lost competitions in a row, >= 1, or ``None`` for never.
        phi: Pull towards the guide; ``None`` takes 0.3, or without guide that of ``cso``.
        **common: See :class:`~swarmnas.optimizers.Optimizer`.

    References:
        Du et al., "G-ICSO-NAS", arXiv 2604.00703, 2026, of which only the abstract is public.
        Differs from the paper: unknown. Every formula and number here is our reconstruction.
        Differs from CSO (Cheng and Jin, 2015): the four changes above.
    """

    name: ClassVar[str] = "icso"
    _state: ClassVar[tuple[str, ...]] = ("_lost_in_a_row", "_first_diversity")

    def __init__(
        self,
        *,
        crowding_weight: float = 0.3,
        neighbours: int = 3,
        guide: bool = True,
        keep_incumbent: bool = True,
        reseed_after: int | None = 20,
        phi: float | None = None,
        **common: Unpack[CommonSettings],
    ) -> None:
        super().__init__(phi=0.3 if phi is None and guide else phi, **common)
        self.crowding_weight = as_float("crowding_weight", crowding_weight, low=0, high=1)
        self.neighbours = as_int("neighbours", neighbours, low=1)
        self.guide = bool(guide)
        self.keep_incumbent = bool(keep_incumbent)
        self.reseed_after = (
            None if reseed_after is None else as_int("reseed_after", reseed_after, low=1)
        )
        self._lost_in_a_row = np.zeros(self.population_size, dtype=np.int64)
        self._first_diversity = self.diversity

    def _compete(self, first: Index, second: Index) -> None:
        super()._compete(first, second)
        if self.keep_incumbent and not self.noisy:
            saved = second == best_row(self._loss, self._violation)
            first[saved], second[saved] = second[saved], first[saved]
        self._lost_in_a_row[first] = 0
        self._lost_in_a_row[second] += 1

    def _second_wins(self, first: Index, second: Index) -> Any:
        weight = self._weight_of_crowding()
        if weight == 0:
            return super()._second_wins(first, second)
        spacing = crowding(
            self._position, self._box.lower, self._box.upper, neighbours=self.neighbours
        )
        fitness = diversity_aware_fitness(self._loss, spacing, weight, violations=self._violation)
        return fitness[second] < fitness[first]

    def _weight_of_crowding(self) -> float:
        """Return the share of crowding in the fitness at this point of the search."""
        if self.crowding_weight == 0:
            return 0.0
        if self.max_evaluations is not None:
            return self.crowding_weight * max(0.0, 1 - self.evaluations / self.max_evaluations)
        if self._first_diversity == 0:
            return 0.0
        return self.crowding_weight * min(1.0, self.diversity / self._first_diversity)

    def _guide(self) -> Array:
        if not self.guide:
            return super()._guide()
        quarter = order(self._loss, self._violation)[: max(1, self.population_size // 4)]
        best = quarter[np.isfinite(self._loss[quarter])]
        if len(best) == 0:
            return super()._guide()
        weights = np.log(len(best) + 0.5) - np.log(np.arange(1, len(best) + 1))
        weights /= weights.sum()
        return self._arrays.array(weights) @ self._position[self._arrays.index(best)]

    def _teach(self, winners: Index, losers: Index) -> None:
        super()._teach(winners, losers)
        if self.reseed_after is None:
            return
        stagnant = np.flatnonzero(self._lost_in_a_row[losers] >= self.reseed_after)
        if len(stagnant) == 0:
            return
        index = self._arrays.index(stagnant)
        fresh = self._arrays.zeros(len(stagnant), self.num_dims)
        self._rows[index] = self._box.sample(self._rng, len(stagnant), fresh)
        self._new_velocity[index] = 0
        self._lost_in_a_row[losers[stagnant]] = 0
