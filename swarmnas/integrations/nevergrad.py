"""nevergrad: our optimizers in its registry, as ``SwarmNAS_icso`` and so on."""

from __future__ import annotations

from typing import Any

import numpy as np

from swarmnas.optimizers import OneByOne, create, optimizers
from swarmnas.optimizers.nevergrad_bridge import WORST, nevergrad

__all__ = ["register"]

_PREFIX = "SwarmNAS_"
_ASKED = "swarmnas"


class _Swarm(nevergrad.optimizers.base.Optimizer):  # type: ignore[misc]
    """One of our optimizers, named by ``method``, behind nevergrad's ask and tell.

    It searches the unit cube, which nevergrad maps onto the parametrization as its samplers do.
    With ``num_workers`` = n a generation starts while up to n - 1 candidates of the one before
    are out. Points that are told without being asked take the place of the worst particles.
    """

    method: str

    def __init__(self, parametrization: Any, budget: Any = None, num_workers: int = 1) -> None:
        super().__init__(parametrization, budget=budget, num_workers=num_workers)
        gaussian = nevergrad.parametrization.transforms.CumulativeDensity()
        self._cube = nevergrad.p.helpers.Normalizer(self.parametrization, gaussian)
        self._single: OneByOne | None = None

    @property
    def _swarm(self) -> OneByOne:
        """The swarm, made when first needed: until then users set nevergrad's seed."""
        if self._single is None:
            box = (np.zeros(self.dimension), np.ones(self.dimension))
            swarm = create(self.method, bounds=box, seed=int(self._rng.randint(2**31)))
            self._single = OneByOne(swarm, stragglers=self.num_workers - 1)
        return self._single

    def _internal_ask_candidate(self) -> Any:
        asked = self._swarm.ask()
        child = self.parametrization.spawn_child()
        child.set_standardized_data(self._cube.backward(asked.position))
        child.heritage[_ASKED] = asked
        return child

    def _internal_tell_candidate(self, candidate: Any, loss: float) -> None:
        self._swarm.tell(candidate.heritage[_ASKED], loss if loss < WORST else np.nan)

    def _internal_tell_not_asked(self, candidate: Any, loss: float) -> None:
        place = candidate.get_standardized_data(reference=self.parametrization)
        unit = np.clip(self._cube.forward(place), 0.0, 1.0)
        self._swarm.inject(unit, loss if loss < WORST else np.nan)


def register() -> list[str]:
    """Add our optimizers to nevergrad's registry and return their names there.

    ``icso`` becomes ``SwarmNAS_icso``, ``sl-pso`` becomes ``SwarmNAS_sl_pso``. Calling it again
    changes nothing.

    Example:
        >>> import nevergrad
        >>> "SwarmNAS_icso" in register()
        True
        >>> space = nevergrad.p.Array(shape=(3,), lower=-5.0, upper=5.0)
        >>> optimizer = nevergrad.optimizers.registry["SwarmNAS_cso"](space, budget=400)
        >>> best = optimizer.minimize(lambda x: float(((x - 1) ** 2).sum()))
        >>> bool(abs(best.value - 1).max() < 1)
        True
    """
    registry = nevergrad.optimizers.registry
    names = []
    for method in optimizers:
        name = _PREFIX + method.replace("-", "_")
        names.append(name)
        if name not in registry:
            registry.register_name(name, type(name, (_Swarm,), {"method": method}))
    return names
