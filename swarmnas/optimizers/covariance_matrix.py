"""CMA-ES, by the package ``cma``, restarted in growing populations: the baseline to beat."""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar, Unpack

import cma
import numpy as np

from swarmnas.checks import as_float, as_int
from swarmnas.optimizers.arrays import Array, to_host
from swarmnas.optimizers.base import Capabilities, CommonSettings, Optimizer
from swarmnas.optimizers.comparison import Index, Losses, order

__all__ = ["CovarianceMatrixAdaptation"]


class CovarianceMatrixAdaptation(Optimizer):
    """CMA-ES of pycma in the unit cube, with restarts.

    When pycma gives up (its tolerances are met), the search starts again at a random place with
    ``growth`` times the population; ``population_size`` says how many rows a batch has now.
    Only rows of one batch are compared, so noise needs nothing more; the answer under noise is
    pycma's ``xfavorite``, the mean of the distribution. A batch that the budget cuts short is
    recorded, and not learnt from.

    Args:
        step: First standard deviation over the box's width, > 0.
        growth: Of the population at a restart, >= 1.
        **common: See :class:`~swarmnas.optimizers.Optimizer`. ``population_size=None`` takes
            4 + 3 ln(num_dims). The search starts at the first of ``initial_positions``; they and
            injected points are rows of the next batch.

    References:
        Hansen and Ostermeier, "Completely derandomized self-adaptation in evolution strategies",
        Evolutionary Computation 9, 2001; Auger and Hansen, "A restart CMA evolution strategy
        with increasing population size", CEC 2005.
        Differs from the papers: what pycma differs in; infeasible and failed rows get losses
        behind the worst feasible one, in the order of Deb's rules.
    """

    name: ClassVar[str] = "cma"
    smallest_population: ClassVar[int] = 3
    capabilities = Capabilities(
        exact_state=False, why="pycma saves its state by pickle alone, and nothing is pickled here."
    )

    def __init__(
        self, *, step: float = 0.2, growth: int = 2, **common: Unpack[CommonSettings]
    ) -> None:
        super().__init__(**common)
        self.step = as_float("step", step, low=0, open_low=True)
        self.growth = as_int("growth", growth, low=1)
        self._lower = to_host(self._box.lower).astype(np.float64)
        self._width = to_host(self._box.width).astype(np.float64)
        self._start(to_host(self._position[0]))
        self._asked: list[Any] = []
        self._waiting: list[Any] = []
        """Points from outside that the next batch begins with."""
        if (given := common.get("initial_positions")) is not None:
            self._waiting = list(self._unit(self._position[: len(given)]))

    def _recommended_population(self) -> int:
        return 4 + int(3 * math.log(self.num_dims))

    def _start(self, position: Array) -> None:
        """Begin a new strategy with its mean at ``position``."""
        rng = self._rng
        options = {
            "bounds": [0, 1],
            "popsize": self.population_size,
            "seed": math.nan,  # leaves numpy's global generator alone
            "randn": lambda *shape: rng.standard_normal(shape),
            "verbose": -9,
        }
        self._strategy = cma.CMAEvolutionStrategy(self._unit(position[None])[0], self.step, options)

    def _unit(self, positions: Array) -> Any:
        """Return positions scaled to the unit cube; pycma wants two dimensions or more."""
        width = np.where(self._width > 0, self._width, 1.0)
        unit = (to_host(positions).astype(np.float64) - self._lower) / width
        padding = np.full((len(unit), max(0, 2 - self.num_dims)), 0.5)
        return np.concatenate([unit, padding], axis=1)

    def _positions_of(self, points: Any) -> Array:
        """Return what :meth:`_unit` was made of."""
        unit = np.asarray(points)[:, : self.num_dims]
        return self._box.clip(self._arrays.array(self._lower + unit * self._width))

    def _propose(self, limit: int) -> int:
        if self._strategy.stop():
            self._restart()
        self._asked = self._strategy.ask()
        self._asked[: len(self._waiting)] = self._waiting[: self.population_size]
        self._waiting = []
        count = min(limit, self.population_size)
        self._rows[:count] = self._positions_of(self._asked[:count])
        return count

    def _restart(self) -> None:
        self.population_size *= self.growth
        self._position = self._arrays.zeros(self.population_size, self.num_dims)
        self._box.sample(self._rng, self.population_size, self._position)
        self._rows = self._arrays.zeros(self.population_size, self.num_dims)
        self._loss = np.full(self.population_size, math.inf)
        self._violation = np.full(self.population_size, math.inf)
        self._start(self._position[0])

    def _update(self, losses: Losses, violations: Losses) -> None:
        count = len(losses)
        self._position[:count] = self._rows[:count]
        self._loss[:count], self._violation[:count] = losses, violations
        if count < self.population_size or not np.isfinite(losses).any():
            return
        with warnings.catch_warnings(action="ignore"):  # of points that it did not draw
            self._strategy.tell(self._asked, _feasible_first(losses, violations).tolist())
        favorite = np.asarray(self._strategy.result.xfavorite)
        self._recommendation[...] = self._positions_of(favorite[None])[0]

    def _injected(self, particles: Index) -> None:
        self._waiting += list(self._unit(self._position[self._arrays.index(particles)]))


def _feasible_first(losses: Losses, violations: Losses) -> Losses:
    """Return finite losses in the order of Deb's rules; those of feasible rows are kept."""
    ranked = order(losses, violations)
    feasible = (violations == 0) & np.isfinite(losses)
    count = int(feasible.sum())
    if count == len(losses):
        return losses
    shaped = losses.copy()
    worst = losses[feasible].max() if count else 0.0
    span = max(worst - losses[feasible].min(), abs(worst), 1e-300) if count else 1.0
    shaped[ranked[count:]] = worst + span * np.arange(1, len(losses) - count + 1)
    return shaped
