"""What of the contract needs more than the conformance suite: names, repair, foreign tensors."""

import json

import numpy as np
import pytest

from swarmnas.errors import SettingError, UnknownNameError
from swarmnas.optimizers import available, create

BOX = ([-1.0, 0.0], [2.0, 4.0])


def test_names_have_summaries():
    assert {"random", "pso", "cso", "icso"} <= available().keys()
    assert all(summary.endswith(".") for summary in available().values())


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("psoo", {}, "optimizer: unknown name 'psoo'. Did you mean 'pso'"),
        ("pso", {"inertai": 0.5}, "pso setting: unknown name 'inertai'. Did you mean 'inertia'"),
        ("cso", {"target_los": 1}, "Did you mean 'target_loss'"),
        ("cso", {"inertia": 0.5}, "cso setting: unknown name 'inertia'."),
    ],
)
def test_unknown_names_get_the_nearest(name, given, message):
    with pytest.raises(UnknownNameError, match=message):
        create(name, bounds=BOX, seed=0, **given)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("pso", {"inertia": -1}),
        ("pso", {"social": "much"}),
        ("cso", {"phi": -0.1}),
        ("icso", {"crowding_weight": 1.5}),
        ("icso", {"neighbours": 0}),
        ("icso", {"scatter": -1.0}),
    ],
)
def test_settings_out_of_range(name, given):
    with pytest.raises(SettingError, match=f"{next(iter(given))}: expected"):
        create(name, bounds=BOX, seed=0, **given)


@pytest.mark.parametrize("given", [{"target_loss": 0.1}, {"max_stagnation": 5}])
def test_one_lucky_loss_stops_no_noisy_search(given):
    with pytest.raises(SettingError, match=f"{next(iter(given))}: expected None with noisy"):
        create("cso", bounds=BOX, seed=0, noisy=True, **given)


@pytest.mark.parametrize("name", ["cso", "pso"])
def test_repaired_rows_become_the_particles(name):
    swarm = create(name, bounds=BOX, seed=0, population_size=4)
    for _ in range(3):
        rows = np.round(swarm.ask())
        swarm.tell(rows, rows.sum(axis=1))
        assert np.array_equal(swarm.positions, np.round(swarm.positions))
    assert np.array_equal(swarm.best_position, np.round(swarm.best_position))


def test_float32_stays_inside_bounds_it_cannot_hold():
    lower, upper = np.array([0.1, 1 / 3]), np.array([0.7, 0.9])
    swarm = create("cso", bounds=(lower, upper), seed=0, dtype="float32")
    for _ in range(5):
        rows = swarm.ask()
        assert rows.dtype == np.float32
        assert ((rows >= lower) & (rows <= upper)).all()
        swarm.tell(rows, rows.sum(axis=1))


def test_a_longer_budget_continues_a_saved_search():
    swarm = create("cso", bounds=BOX, seed=0, max_evaluations=60)
    while not swarm.stop_reasons():
        rows = swarm.ask()
        swarm.tell(rows, rows.sum(axis=1))
    longer = create("cso", bounds=BOX, seed=0, max_evaluations=90)
    longer.load_state_dict(swarm.state_dict())
    assert longer.stop_reasons() == []
    assert len(longer.ask()) == 20


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_losses_may_be_tensors_with_a_graph(dtype):
    torch = pytest.importorskip("torch")
    swarm = create("cso", bounds=BOX, seed=0, like=torch.empty(0, dtype=torch.float32))
    for _ in range(3):
        rows = swarm.ask().requires_grad_()
        swarm.tell(rows, (rows**2).sum(dim=1).to(getattr(torch, dtype)))
    assert swarm.evaluations == 80
    assert not swarm.best_position.requires_grad


def test_a_state_moves_between_backends():
    torch = pytest.importorskip("torch")
    here = create("icso", bounds=BOX, seed=0)
    there = create("icso", bounds=BOX, seed=1, like=torch.empty(0, dtype=torch.float64))
    for _ in range(3):
        rows = here.ask()
        here.tell(rows, rows.sum(axis=1))
    there.load_state_dict(here.state_dict())
    np.testing.assert_allclose(here.ask(), there.ask().numpy(), rtol=1e-12)


def test_a_state_is_arrays_and_json():
    swarm = create("icso", bounds=BOX, seed=0)
    rows = swarm.ask()
    swarm.tell(rows, rows.sum(axis=1))
    swarm.ask()

    def split(value, path, arrays):
        if isinstance(value, dict):
            return {key: split(found, f"{path}/{key}", arrays) for key, found in value.items()}
        if isinstance(value, np.ndarray):
            arrays[path] = value
            return f"array {path}"
        return value

    def join(value, arrays):
        if isinstance(value, dict):
            return {key: join(found, arrays) for key, found in value.items()}
        return arrays.get(str(value).removeprefix("array "), value)

    arrays = {}
    text = json.dumps(split(swarm.state_dict(), "", arrays), allow_nan=False)
    restored = create("icso", bounds=BOX, seed=1)
    restored.load_state_dict(join(json.loads(text), arrays))
    assert np.array_equal(restored.pending, swarm.pending)
