"""What an epoch's record keeps for pictures."""

import json

import numpy as np
import pytest

from swarmnas import search
from swarmnas.search.trace import MAX_GENERATIONS, MAX_PARTICLES, SwarmTrace, trace_alphas
from swarmnas.spaces import Adapter

ADAPTER = Adapter.from_shapes({"cell": (2, 3)})


def swarm_of(*rows):
    """Return positions that choose, on both edges, the operation given by each row."""
    return 2.0 * np.repeat(np.eye(3)[list(rows)][:, None], 2, axis=1).reshape(len(rows), -1)


def test_parents_are_the_nearest_of_the_generation_before():
    trace = SwarmTrace(ADAPTER, swarm_of(0, 1, 2), generations=2)
    trace.add(swarm_of(1, 1, 0), swarm_of(0)[0])
    trace.add(swarm_of(0, 1, 1), swarm_of(1)[0])
    first, second = trace.generations
    assert first["parents"] == [1, 1, 0]
    assert first["nearest"] == 2
    assert second["parents"] == [2, 0, 0]  # of two that are equally near, the first
    assert second["nearest"] == 1


@pytest.mark.parametrize("generations", [1, 7, 8, 9, 30])
def test_few_generations_are_kept_and_the_last_one_always(generations):
    trace = SwarmTrace(ADAPTER, swarm_of(0), generations=generations)
    for at in range(generations):
        trace.add(swarm_of(2 if at == generations - 1 else 0), swarm_of(0)[0])
    assert 1 <= len(trace.generations) <= MAX_GENERATIONS
    points = [generation["points"][0] for generation in trace.generations]
    assert points[-1] == trace_alphas(ADAPTER.to_alphas(swarm_of(2)[0]))["point"]
    assert points[-1] not in points[:-1]


def test_large_swarms_are_cut():
    swarm = swarm_of(*[0] * (MAX_PARTICLES + 5))
    trace = SwarmTrace(ADAPTER, swarm, generations=1)
    trace.add(swarm, swarm[0])
    assert len(trace.generations[0]["points"]) == MAX_PARTICLES


def test_a_search_records_alphas_always_and_particles_where_a_swarm_moves_them(
    tiny, story, tmp_path
):
    search.run(tiny(), out=tmp_path / "run")  # that a resumed one does the same: test_loop.py
    epochs = [record for record in story(tmp_path / "run") if record["kind"] == "epoch"]
    assert {len(record["alphas"]["cell"]) for record in epochs} == {6}
    swarms = [record["swarm"] for record in epochs if record["phase"] == "exploration"]
    assert all(generations for generations in swarms)
    assert all("swarm" not in record for record in epochs if record["phase"] != "exploration")
    assert len(json.dumps(epochs)) < 2000 * len(epochs)
