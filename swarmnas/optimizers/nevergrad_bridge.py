"""Any optimizer of the package nevergrad, by its name there: ``nevergrad:NAME``."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np

from swarmnas.checks import explain, unknown_name
from swarmnas.errors import SettingError, UnknownNameError
from swarmnas.optimizers.arrays import to_host
from swarmnas.optimizers.base import Capabilities, Optimizer
from swarmnas.optimizers.comparison import Index, Losses

_global_state = np.random.get_state()  # noqa: NPY002
import nevergrad  # noqa: E402 - draws from numpy's global generator when imported

np.random.set_state(_global_state)  # noqa: NPY002

__all__ = ["WORST", "NevergradOptimizer", "nevergrad", "nevergrad_optimizer"]

WORST = 4e20
"""The largest loss that nevergrad is told; from 5e20 on it cuts them."""


class NevergradOptimizer(Optimizer):
    """An optimizer of nevergrad in the unit cube, asked for ``population_size`` rows at a time.

    ``population_size=None`` takes 10, or 1 where the method takes one row at a time. Batches
    are what nevergrad calls workers. ``initial_positions`` and injected points are suggested to
    it, so they are evaluated (again) in the next batches. Rows that the caller repaired are
    learnt at the place where they were asked. Losses above 4e20 look alike to it. Its warnings
    (of bounds, of losses that are all the same) are not passed on.

    References:
        Rapin and Teytaud, "Nevergrad: a gradient-free optimization platform", 2018.
        Differs from the package: failed rows get the worst loss.
    """

    smallest_population: ClassVar[int] = 1
    algorithm: ClassVar[str]
    """The name in nevergrad's registry."""
    capabilities = Capabilities(
        exact_state=False,
        noisy=False,
        violations=False,
        why="nevergrad saves its state by pickle alone, compares losses of different calls and "
        "turns constraint violations into penalties.",
    )

    def __init__(self, **common: Any) -> None:
        super().__init__(**common)
        self._refuse_parallel()
        self._lower = to_host(self._box.lower).astype(np.float64)
        self._width = to_host(self._box.width).astype(np.float64)
        self._padding = max(0, 2 - self.num_dims)  # some methods fail, for good, on one dimension
        space = nevergrad.p.Array(shape=(self.num_dims + self._padding,), lower=0.0, upper=1.0)
        space.random_state = np.random.RandomState(int(self._rng.integers(2**32)))
        self._inner = nevergrad.optimizers.registry[self.algorithm](
            space, budget=self.max_evaluations, num_workers=self.population_size
        )
        if common.get("initial_positions") is not None:
            self._suggest(np.arange(len(common["initial_positions"])))
        self._asked: list[Any] = []

    def _refuse_parallel(self) -> None:
        if self.population_size > 1 and self._alone():
            got, fix = self.population_size, "Leave population_size out."
            expected = f"1, for {self.algorithm} takes one row at a time"
            raise SettingError(explain("population_size", expected, got, fix))

    def _alone(self) -> bool:
        return bool(nevergrad.optimizers.registry[self.algorithm].no_parallelization)

    def _recommended_population(self) -> int:
        return 1 if self._alone() else 10

    def _suggest(self, particles: Index) -> None:
        rows = to_host(self._position[self._arrays.index(particles)]).astype(np.float64)
        for row in (rows - self._lower) / np.where(self._width > 0, self._width, 1.0):
            self._inner.suggest(np.append(np.clip(row, 0.0, 1.0), [0.5] * self._padding))

    def _propose(self, limit: int) -> int:
        count = min(limit, self.population_size)
        with warnings.catch_warnings(action="ignore"):
            self._asked = [self._inner.ask() for _ in range(count)]
        unit = np.stack([candidate.value[: self.num_dims] for candidate in self._asked])
        rows = self._arrays.array(self._lower + unit * self._width)
        self._rows[:count] = self._box.clip(rows)
        return count

    def _update(self, losses: Losses, violations: Losses) -> None:
        count = len(losses)
        self._position[:count] = self._rows[:count]
        self._loss[:count], self._violation[:count] = losses, violations
        clipped = np.clip(losses, -WORST, WORST)
        with warnings.catch_warnings(action="ignore"):
            for candidate, loss in zip(self._asked, clipped, strict=True):
                self._inner.tell(candidate, float(loss))

    def _injected(self, particles: Index) -> None:
        self._suggest(particles)


def nevergrad_optimizer(algorithm: str) -> type[NevergradOptimizer]:
    """Return the optimizer class for a name of nevergrad's registry.

    Raises:
        UnknownNameError: nevergrad has no such optimizer.
        SettingError: It is a one-shot method, which learns nothing between ask and tell.

    Example:
        >>> nevergrad_optimizer("OnePlusOne").name
        'nevergrad:OnePlusOne'
    """
    registry = nevergrad.optimizers.registry
    if algorithm not in registry:
        raise UnknownNameError(unknown_name("nevergrad", algorithm, registry))
    if registry[algorithm].one_shot:
        got = f"{algorithm}, which plans all its rows at once and learns from none"
        fix = "Choose another, for example nevergrad:TwoPointsDE, or random."
        raise SettingError(explain(f"nevergrad:{algorithm}", "an adaptive optimizer", got, fix))
    given = {"name": f"nevergrad:{algorithm}", "algorithm": algorithm}
    return type("NevergradOptimizer", (NevergradOptimizer,), given)
