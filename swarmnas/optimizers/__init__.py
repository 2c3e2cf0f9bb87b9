"""Swarms that minimise by ask and tell; one algorithm a module.

Example:
    >>> swarm = create("cso", bounds=([-5.0, -5.0], [5.0, 5.0]), seed=0, max_evaluations=900)
    >>> while not swarm.stop_reasons():
    ...     positions = swarm.ask()
    ...     swarm.tell(positions, (positions**2).sum(axis=1))
    >>> swarm.evaluations, swarm.best_loss < 1e-3
    (900, True)
"""

from swarmnas.optimizers import diversity
from swarmnas.optimizers.base import Capabilities, CommonSettings, Optimizer
from swarmnas.optimizers.catalogue import available, create, optimizers
from swarmnas.optimizers.minimize import minimize
from swarmnas.optimizers.one_by_one import Candidate, OneByOne
from swarmnas.optimizers.warm_restart import warm_restart

__all__ = [
    "Candidate",
    "Capabilities",
    "CommonSettings",
    "OneByOne",
    "Optimizer",
    "available",
    "create",
    "diversity",
    "minimize",
    "optimizers",
    "warm_restart",
]
