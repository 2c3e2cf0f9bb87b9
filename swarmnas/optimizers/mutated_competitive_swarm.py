"""The competitive swarm with mutated agents of Cui, Zhang and Wong (CSO-MA)."""

from __future__ import annotations

from typing import ClassVar

from swarmnas.optimizers.comparison import Index
from swarmnas.optimizers.competitive_swarm import CompetitiveSwarm

__all__ = ["MutatedCompetitiveSwarm"]


class MutatedCompetitiveSwarm(CompetitiveSwarm):
    """``cso`` plus one mutation a generation.

    After the losers have learned, one random dimension of one random loser is put on the lower
    or on the upper bound, each as likely.

    References:
        Cui, Zhang and Wong, "Competitive swarm optimizer with mutated agents", 2024.
        Differs from the paper: the authors' MATLAB release also draws the middle of the box;
        what ``cso`` differs in.
    """

    name: ClassVar[str] = "cso-ma"

    def _teach(self, winners: Index, losers: Index) -> None:
        super()._teach(winners, losers)
        row = int(self._rng.integers(len(losers)))
        dim = int(self._rng.integers(self.num_dims))
        bound = self._box.upper if self._rng.random() < 0.5 else self._box.lower
        self._rows[row, dim] = bound[dim]
