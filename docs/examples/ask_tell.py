"""Minimise a function with the loop in your own hands."""

import numpy as np

from swarmnas.optimizers import create

lower, upper = np.full(10, -5.0), np.full(10, 5.0)
swarm = create("icso", bounds=(lower, upper), seed=0, max_evaluations=10_000)
while not swarm.stop_reasons():
    positions = swarm.ask()  # (n, 10)
    swarm.tell(positions, ((positions - 1) ** 2).sum(axis=1))
print(f"{swarm.best_loss:.1e} at {swarm.best_position.round(3)} ({swarm.stop_reasons()})")
