"""An optimizer of one's own: the bare-bones swarm, which has no velocities."""

import numpy as np

from swarmnas.optimizers import Capabilities, Optimizer


class BareBonesSwarm(Optimizer):
    """Bare-bones particle swarm.

    A particle is drawn around the middle between its personal best and the leader; their distance
    is the deviation::

        x ~ N((p + g) / 2, |p - g|)

    References:
        Kennedy, "Bare bones particle swarms", SIS 2003.
        Differs from the paper: positions are clipped to the box.
    """

    name = "bare-bones"
    capabilities = Capabilities(noisy=False, arrays=False, why="It is an example, kept short.")

    def _propose(self, limit: int) -> int:
        if self._starting:
            return self._propose_start(limit)  # the first batch: the particles themselves
        count = min(self.population_size, limit)
        own = self._position[:count]
        leader = self._best_position if np.isfinite(self.best_loss) else own  # all failed so far
        drawn = self._rng.normal((own + leader) / 2, np.abs(own - leader))
        self._rows[:count] = np.clip(drawn, self._box.lower, self._box.upper)
        return count

    def _update(self, losses, violations) -> None:
        if self._starting:
            self._accept_start(losses, violations)
            return
        count = len(losses)
        worse = violations > self._violation[:count]
        equal = violations == self._violation[:count]
        better = np.flatnonzero(~worse & (~equal | (losses < self._loss[:count])))
        self._position[better] = self._rows[better]  # positions are the personal bests
        self._loss[better], self._violation[better] = losses[better], violations[better]


if __name__ == "__main__":
    swarm = BareBonesSwarm(bounds=([-5.0] * 10, [5.0] * 10), seed=0, max_evaluations=4000)
    while not swarm.stop_reasons():
        positions = swarm.ask()
        swarm.tell(positions, (positions**2).sum(axis=1))
    print(f"{swarm.name}: {swarm.best_loss:.1e} after {swarm.evaluations} evaluations")
