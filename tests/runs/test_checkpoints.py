"""Checkpoints: equal on return, whole or absent, the right ones kept."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from swarmnas.errors import RunError, SettingError, SwarmNASWarning
from swarmnas.runs import RunDirectory

DTYPES = ["bool", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]


@pytest.fixture
def run(tmp_path):
    return RunDirectory.create(tmp_path / "run", config={"seed": 0})


def names(run):
    return sorted(os.listdir(run.path / "checkpoint"))


def same(one, two):
    """Equal, NaN to NaN, arrays with dtype and shape, lists and tuples alike."""
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes()
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return type(one) is type(two) and (one == two or one != one)


arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(
        dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
    )
)
plain = st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats() | st.text()
words = st.text().filter(lambda word: word != "$array")  # refused, see below
states = st.recursive(
    plain | arrays,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), arrays, max_size=3), states)
def test_everything_comes_back_equal(tmp_path_factory, weights, state):
    run = RunDirectory.create(tmp_path_factory.mktemp("run") / "run", config={})
    run.save_checkpoint(7, weights, {"all": state})
    loaded = run.load_checkpoint()
    assert loaded.step == 7
    assert same(loaded.arrays, weights)
    assert same(loaded.state, {"all": state})


def test_layouts_and_scalars_are_made_plain(run):
    weights = {
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big": np.arange(3, dtype=">i4"),
        "strided": np.arange(10)[::3],
    }
    run.save_checkpoint(0, weights, {"loss": np.float32(0.5), "count": np.int64(3), "pair": (1, 2)})
    loaded = run.load_checkpoint()
    for name, expected in weights.items():
        np.testing.assert_array_equal(loaded.arrays[name], expected)
    assert loaded.state == {"loss": 0.5, "count": 3, "pair": [1, 2]}


@pytest.mark.parametrize(
    ("weights", "state"),
    [
        ({"w": np.array([object()])}, {}),
        ({"w": np.array(["text"])}, {}),
        ({"w": np.ones(2, dtype=complex)}, {}),
        ({}, {"x": object()}),
        ({}, {"x": {1: 2}}),
        ({}, {"x": {"$array": "arrays/w"}}),
        ({}, {"x": np.array([None])}),
    ],
)
def test_what_is_neither_numbers_nor_plain_data_is_refused(run, weights, state):
    with pytest.raises(SettingError):
        run.save_checkpoint(1, weights, state)
    assert run.load_checkpoint() is None


def test_the_last_two_and_the_kept_stay(run):
    for step in range(1, 7):
        run.save_checkpoint(step, {}, {}, keep=step in (2, 3))
    assert names(run) == [
        "step-000002.keep.safetensors",
        "step-000003.keep.safetensors",
        "step-000005.safetensors",
        "step-000006.safetensors",
    ]
    assert run.load_checkpoint(2).step == 2
    with pytest.raises(RunError, match="step 4; got 2, 3, 5, 6"):
        run.load_checkpoint(4)


def test_kept_ones_go_when_they_are_too_old_but_never_the_last_two(run):
    for step in range(1, 7):
        run.save_checkpoint(step, {}, {}, keep=step < 5)
    run.drop_checkpoints(before=3)
    assert [int(name[5:11]) for name in names(run)] == [3, 4, 5, 6]
    run.drop_checkpoints(before=100)
    assert [int(name[5:11]) for name in names(run)] == [5, 6]
    assert run.load_checkpoint().step == 6


def test_dropping_from_a_run_without_checkpoints_does_nothing(run):
    run.drop_checkpoints(before=5)
    assert run.load_checkpoint() is None


def test_a_step_may_be_saved_anew_but_not_go_back(run):
    run.save_checkpoint(4, {}, {"x": 1}, keep=True)
    run.save_checkpoint(4, {}, {"x": 2})
    assert names(run) == ["step-000004.safetensors"]
    assert run.load_checkpoint().state == {"x": 2}
    with pytest.raises(RunError, match="expected a step >= 4"):
        run.save_checkpoint(3, {}, {})


def test_every_flipped_byte_is_noticed(run):
    weights = {"w": np.arange(4.0)}
    run.save_checkpoint(1, weights, {"x": [1, 2]})
    run.save_checkpoint(2, weights, {"x": [1, 2]})
    path = run.path / "checkpoint" / "step-000002.safetensors"
    whole = path.read_bytes()
    for position in range(len(whole)):
        torn = bytearray(whole)
        torn[position] ^= 0x01
        path.write_bytes(torn)
        with pytest.warns(SwarmNASWarning, match=r"step-000002\.safetensors") as caught:
            loaded = run.load_checkpoint()
        assert len(caught) == 1
        assert loaded.step == 1
        assert loaded.state == {"x": [1, 2]}


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_torn_checkpoint_is_named_and_the_one_before_is_used(run, share):
    for step in (1, 2):
        run.save_checkpoint(step, {"w": np.full(100, step)}, {})
    path = run.path / "checkpoint" / "step-000002.safetensors"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    reopened = RunDirectory.open(run.path)
    with pytest.warns(SwarmNASWarning, match=r"step-000002\.safetensors: expected a whole"):
        assert reopened.load_checkpoint().step == 1
    reopened.save_checkpoint(3, {}, {})  # the torn one neither counts nor stays
    assert names(run) == ["step-000001.safetensors", "step-000003.safetensors"]


def test_where_none_is_whole_the_run_is_refused_and_not_begun_anew(run):
    run.append({"n": 1})
    for step in (1, 2):
        run.save_checkpoint(step, {}, {})
    for file in (run.path / "checkpoint").iterdir():
        file.write_bytes(file.read_bytes()[:-1])
    with (
        pytest.warns(SwarmNASWarning, match="step-00000[12]"),
        pytest.raises(RunError, match="got 2 that are torn or altered"),
    ):
        run.load_checkpoint()


def test_another_version_is_refused_by_name(run):
    from safetensors.numpy import save

    run.save_checkpoint(1, {}, {})
    metadata = {"format": "swarmnas-checkpoint", "version": "2"}
    (run.path / "checkpoint" / "step-000002.safetensors").write_bytes(save({}, metadata))
    with pytest.warns(SwarmNASWarning, match="version '2', not 1"):
        assert run.load_checkpoint().step == 1


def test_a_renamed_checkpoint_is_not_taken_for_another(run):
    run.save_checkpoint(1, {}, {})
    home = run.path / "checkpoint"
    (home / "step-000009.safetensors").write_bytes((home / "step-000001.safetensors").read_bytes())
    with pytest.warns(SwarmNASWarning, match="expected step 9; got 1"):
        assert run.load_checkpoint().step == 1
