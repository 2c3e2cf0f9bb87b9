"""Faults found in other libraries' versions of these algorithms; ours must not have them."""

import itertools

import numpy as np
import pytest

from swarmnas.optimizers import OneByOne, available, create

SWARMS = sorted(available().keys() - {"random", "cma", "nevergrad:NAME"})
LOWER, UPPER = np.full(4, -1.0), np.full(4, 1.0)


def sphere(rows):
    return ((rows - 0.3) ** 2).sum(axis=1)


@pytest.mark.parametrize("name", SWARMS)
def test_the_search_does_not_depend_on_where_the_box_lies(name):
    # Velocities clamped to the bounds of positions break every box that does not contain 0.
    here = create(name, bounds=(LOWER, UPPER), seed=1, population_size=12)
    far = create(name, bounds=(LOWER + 64, UPPER + 64), seed=1, population_size=12)
    for _ in range(12):
        rows, far_rows = here.ask(), far.ask()
        np.testing.assert_allclose(far_rows - 64, rows, atol=1e-9)
        here.tell(rows, sphere(rows))
        far.tell(far_rows, sphere(rows))


@pytest.mark.parametrize("name", ["pso", "pso-constriction", "spso2011", "clpso", "cso", "sl-pso"])
def test_every_component_has_its_own_draw(name):
    # One draw shared by all dimensions moves particles along straight lines only. Of two
    # particles the better one rests, and all pulls on the other point straight at it.
    size = 4 if name == "spso2011" else 2
    start = np.stack([np.full(4, 0.3), *np.full((size - 1, 4), -0.4)])
    swarm = create(
        name, bounds=(LOWER, UPPER), seed=1, population_size=size, initial_positions=start
    )
    swarm.tell(swarm.ask(), np.arange(size, dtype=float))
    step = swarm.ask()[-1] - start[-1]
    assert np.ptp(step) > 1e-3


def test_clpso_learns_each_dimension_from_its_own_exemplar():
    # One exemplar a particle is another algorithm: with personal bests on unlike multiples of
    # (1, ..., 1), a particle at rest would then move by one ratio in all dimensions.
    num_dims, size = 40, 10
    heights = np.linspace(-0.9, 0.9, size)
    start = np.tile(heights[:, None], (1, num_dims))
    box = (np.full(num_dims, -100.0), np.full(num_dims, 100.0))
    swarm = create(
        "clpso", bounds=box, seed=0, population_size=size, initial_positions=start,
        initial_losses=np.arange(size, dtype=float),
    )  # fmt: skip
    rows = swarm.ask()
    steps = rows - start
    learnt = (steps != 0).sum(axis=1)
    assert learnt[0] < learnt[-1]  # Pc grows from 0.05 to 0.5 with the particle's number
    assert (learnt >= 1).all()  # somebody else in one dimension at least
    upwards, downwards = (steps > 0).any(axis=1), (steps < 0).any(axis=1)
    assert (upwards & downwards).any()


def test_clpso_accepts_worse_positions():
    # Accepting positions greedily is not Liang's.
    swarm = create("clpso", bounds=(LOWER, UPPER), seed=0, population_size=6)
    rows = swarm.ask()
    swarm.tell(rows, np.zeros(6))
    for generation in range(6):
        rows = swarm.ask()
        swarm.tell(rows, np.full(6, 1.0 + generation))
        assert np.array_equal(swarm.positions, rows)
        assert swarm.best_loss == 0


def test_clpso_keeps_exemplars_until_seven_generations_brought_nothing():
    # Drawing exemplars every generation, with no refreshing gap, is not Liang's.
    swarm = create("clpso", bounds=(LOWER, UPPER), seed=0, population_size=6)
    swarm.tell(swarm.ask(), np.zeros(6))
    drawn = []
    for generation in range(15):
        rows = swarm.ask()
        drawn.append(swarm.state_dict()["values"]["exemplars"])
        swarm.tell(rows, np.full(6, 1.0 + generation))
    changed = [not np.array_equal(*pair) for pair in itertools.pairwise(drawn)]
    assert np.flatnonzero(changed).tolist() == [6, 13]


def test_clpso_inertia_falls():
    # Inertia that grows from 0 turns the schedule round.
    def speed(evaluations_before):
        swarm = create(
            "clpso", bounds=(LOWER, UPPER), seed=0, population_size=6, max_evaluations=6000,
            pull=0.0, velocity_limit=1.0,
        )  # fmt: skip
        swarm.tell(rows := swarm.ask(), sphere(rows))
        state = swarm.state_dict()
        state["values"]["velocity"] = np.full((6, 4), 1e-3)
        state["values"]["evaluations"] = np.array(evaluations_before)
        swarm.load_state_dict(state)
        before = swarm.positions
        return float(np.abs(swarm.ask() - before).max()) / 1e-3

    np.testing.assert_allclose(
        [speed(0), speed(3000), speed(6000 - 6)], [0.9, 0.65, 0.4], atol=1e-3
    )


def test_cso_starts_at_rest():
    # Random first velocities are not the authors'.
    swarm = create("cso", bounds=(LOWER, UPPER), seed=1, population_size=2, phi=0)
    start = swarm.ask()
    swarm.tell(start, [0.0, 1.0])
    shares = (swarm.ask()[0] - start[1]) / (start[0] - start[1])
    assert ((shares >= 0) & (shares <= 1)).all()


def test_cso_is_drawn_to_the_mean_of_the_whole_swarm():
    # The mean of the winners alone is another point.
    start = np.array([[0.0], [0.0], [0.8], [0.8]])
    swarm = create(
        "cso", bounds=([-1.0], [1.0]), seed=1, population_size=4, phi=1e-9, initial_positions=start
    )
    swarm.tell(rows := swarm.ask(), -np.arange(4.0))
    assert len(rows) == 4
    twin = create(
        "cso", bounds=([-1.0], [1.0]), seed=1, population_size=4, phi=0.5, initial_positions=start
    )
    twin.tell(twin.ask(), -np.arange(4.0))
    change = (twin.ask() - swarm.ask())[:, 0]
    losers = swarm.positions[:, 0]
    for moved in change:  # 0.5 r (mean - x) with x = 0 or 0.8 and mean 0.4: within +-0.2
        assert abs(moved) <= 0.2
    assert set(losers) == {0.0, 0.8}
    assert np.abs(change).max() > 0


def test_sl_pso_has_a_demonstrator_for_every_component():
    # One demonstrator a particle is the algorithm of another paper.
    start = np.stack([np.full(40, height) for height in (0.8, -0.8, 0.0)])
    box = (np.full(40, -1.0), np.full(40, 1.0))
    swarm = create("sl-pso", bounds=box, seed=0, population_size=3, initial_positions=start)
    swarm.tell(swarm.ask(), [0.0, 1.0, 2.0])
    step = swarm.ask()[0]  # the worst particle comes first; it is at rest, half way
    assert (step > 0).any()
    assert (step < 0).any()


def test_sl_pso_lets_the_rank_of_now_decide_who_learns():
    # Probabilities that were sorted once stay with the particles when their ranks change.
    size = 10
    box = (np.zeros(200), np.ones(200))
    swarm = create("sl-pso", bounds=box, seed=0, population_size=size, alpha=5.0, noisy=True)

    def moves(losses):
        count = np.zeros(size)
        for _ in range(30):
            before = swarm.positions
            swarm.tell(swarm.ask(), losses)
            count += (swarm.positions != before).any(axis=1)
        return count

    rising = moves(np.arange(size, dtype=float))
    falling = moves(-np.arange(size, dtype=float))
    assert rising[0] == 0
    assert falling[-1] == 0
    assert rising[-1] == falling[0] == 30
    assert rising[:5].sum() < 0.5 * rising[5:].sum()
    assert falling[5:].sum() < 0.5 * falling[:5].sum()


def test_losses_in_any_order_reach_their_particles():
    # Mapping results to particles in the order of completion mixes them up.
    direct = create("pso", bounds=(LOWER, UPPER), seed=0, population_size=8)
    single = OneByOne(create("pso", bounds=(LOWER, UPPER), seed=0, population_size=8))
    for _ in range(5):
        direct.tell(rows := direct.ask(), sphere(rows))
        candidates = [single.ask() for _ in range(8)]
        for candidate in reversed(candidates):
            single.tell(candidate, float(sphere(candidate.position[None])[0]))
    assert np.array_equal(direct.ask(), single.optimizer.ask())


def test_the_seed_is_local():
    # Seeding numpy's global generator changes what the caller draws.
    np.random.seed(3)  # noqa: NPY002
    expected = np.random.random(4)  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    for name in ("cso", "de", "cma"):
        swarm = create(name, bounds=(LOWER, UPPER), seed=99)
        swarm.tell(rows := swarm.ask(), sphere(rows))
    assert np.array_equal(np.random.random(4), expected)  # noqa: NPY002


def test_names_that_mean_several_algorithms_are_spelt_out():
    # CSO is also cat swarm and chicken swarm, SLPSO also self-learning PSO.
    summaries = available()
    assert summaries["cso"].startswith("Competitive swarm")
    assert summaries["icso"].startswith("Competitive swarm")
    assert summaries["sl-pso"].startswith("Social learning")
