"""What leaves the box comes back, and what that does to its velocity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnas.errors import UnknownNameError
from swarmnas.optimizers import available, create
from swarmnas.optimizers.arrays import Arrays
from swarmnas.optimizers.bounds import bounds_handling
from swarmnas.optimizers.box import Box

NAMES = ("clip", "rebound", "reflect", "wrap", "resample")
SWARMS = sorted(available().keys() - {"random", "cma", "nevergrad:NAME"})


def handled(name, positions, velocities, lower=(0.0,), upper=(1.0,)):
    arrays = Arrays(np.dtype(np.float64))
    box = Box((np.array(lower), np.array(upper)), arrays)
    positions, velocities = np.array(positions)[:, None], np.array(velocities)[:, None]
    rng = np.random.default_rng(0)
    bounds_handling(name).apply(positions, velocities, box, rng)
    return positions[:, 0], velocities[:, 0]


@pytest.mark.parametrize(
    ("name", "positions", "velocities"),
    [
        ("clip", [0.5, 1.0, 0.0, 1.0], [1.0, 1.0, -1.0, 8.0]),
        ("rebound", [0.5, 1.0, 0.0, 1.0], [1.0, -0.5, 0.5, -4.0]),
        ("reflect", [0.5, 0.75, 0.25, 0.5], [1.0, -1.0, 1.0, 8.0]),
        ("wrap", [0.5, 0.25, 0.75, 0.5], [1.0, 1.0, -1.0, 8.0]),
    ],
)
def test_positions_and_velocities(name, positions, velocities):
    found = handled(name, [0.5, 1.25, -0.25, 2.5], [1.0, 1.0, -1.0, 8.0])
    np.testing.assert_allclose(found[0], positions)
    np.testing.assert_allclose(found[1], velocities)


def test_resampled_components_stand_still():
    positions, velocities = handled("resample", [0.5, 1.25, -7.0], [1.0, 1.0, -1.0])
    assert positions[0] == 0.5
    assert ((positions > 0) & (positions < 1)).all()
    assert velocities.tolist() == [1.0, 0.0, 0.0]


@given(
    name=st.sampled_from(NAMES),
    lower=st.floats(-1e300, 1e300),
    width=st.sampled_from([0.0, 1e-300, 1e-9, 1.0, 1e300]),
    offset=st.floats(-50, 50),
)
def test_whatever_leaves_the_box_comes_back(name, lower, width, offset):
    position = lower + offset * width
    found, velocity = handled(name, [position], [width], (lower,), (lower + width,))
    assert lower <= found[0] <= lower + width
    assert abs(velocity[0]) <= width
    if lower <= position <= lower + width:
        assert found[0] == position


@pytest.mark.parametrize("algorithm", SWARMS)
@pytest.mark.parametrize("handling", NAMES)
def test_every_swarm_takes_every_handling(algorithm, handling):
    swarm = create(
        algorithm, bounds=([-1.0, 2.0], [0.5, 2.5]), seed=0, population_size=12,
        bounds_handling=handling,
    )  # fmt: skip
    assert swarm.settings["bounds_handling"] == handling
    for _ in range(15):
        rows = swarm.ask()
        assert ((rows >= [-1.0, 2.0]) & (rows <= [0.5, 2.5])).all()
        swarm.tell(rows, -rows.sum(axis=1))  # the corner draws them out of the box
    assert swarm.best_loss < -2.5


def test_unknown_handlings_get_the_nearest():
    with pytest.raises(
        UnknownNameError, match=r"bounds_handling: unknown name 'clp'\. Did you mea"
    ):
        create("pso", bounds=([0.0], [1.0]), seed=0, bounds_handling="clp")
