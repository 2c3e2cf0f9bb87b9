"""The adapter: particle <-> alphas, what the softmax shows, on both array libraries."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from swarmnas.errors import SettingError, ShapeError
from swarmnas.spaces import Adapter, create

SHAPES = {"normal": (2, 3), "reduce": (1, 2)}


def test_positions_are_rows_laid_end_to_end():
    adapter = Adapter.from_shapes(SHAPES)
    alphas = adapter.to_alphas(np.array([1.0, 2.0, 3.0, 0.0, 0.0, 3.0, -1.0, 1.0]))
    assert adapter.num_dims == 8
    assert alphas["normal"].tolist() == [[-1, 0, 1], [-1, -1, 2]]
    assert alphas["reduce"].tolist() == [[-1, 1]]


def test_bounds_are_the_box():
    lower, upper = Adapter(create("darts"), bound=2.5).bounds
    assert lower.shape == upper.shape == (224,)
    assert set(lower) == {-2.5}
    assert set(upper) == {2.5}


def test_default_box_lets_an_edge_all_but_decide():
    corner = np.full(8, -3.0)
    corner[2] = 3.0
    mixing = Adapter.from_shapes({"cell": (1, 8)}).probabilities(corner)["cell"]
    assert mixing[0, 2] == pytest.approx(1 / (1 + 7 * math.exp(-6)))
    assert mixing[0, 2] > 0.98
    assert mixing.sum() == pytest.approx(1)


def test_to_position_moves_a_row_no_further_than_it_must():
    adapter = Adapter.from_shapes({"cell": (3, 3)})
    alphas = np.array([[10.0, 11.0, 12.0], [4.0, -2.0, -2.0], [20.0, 0.0, -20.0]])
    assert adapter.to_position({"cell": alphas}).tolist() == [-1, 0, 1, 3, -3, -3, 3, 0, -3]


@settings(deadline=None)
@given(arrays(float, (4, 8), elements=st.floats(-3, 3)))
def test_alphas_of_the_box_come_back(positions):
    adapter = Adapter.from_shapes(SHAPES)
    alphas = adapter.to_alphas(positions)
    back = adapter.to_position(alphas)
    assert np.abs(back).max() <= 3
    again = adapter.to_alphas(back)
    for name in SHAPES:
        assert np.allclose(again[name], alphas[name], atol=1e-12)
        assert np.allclose(alphas[name].mean(axis=-1), 0, atol=1e-12)


def test_diversity_is_measured_on_the_softmax():
    adapter = Adapter.from_shapes({"cell": (1, 2)}, bound=50)
    alike = np.array([[1.0, 2.0], [31.0, 32.0]])
    split = np.array([[-50.0, 50.0], [50.0, -50.0]])
    assert adapter.diversity(alike) == pytest.approx(0, abs=1e-12)
    assert adapter.diversity(split) == pytest.approx(1)
    third = np.log([[0.75, 0.25], [0.25, 0.75]])  # distance to (1/2, 1/2): 1/4; most: 1/2
    assert adapter.diversity(third) == pytest.approx(0.5)


def test_diversity_counts_edges_alike_and_skips_those_without_choice():
    adapter = Adapter.from_shapes({"a": (3, 2), "b": (1, 2), "c": (2, 1)}, bound=50)
    swarm = np.zeros((2, adapter.num_dims))
    swarm[0, 6:8], swarm[1, 6:8] = (-50, 50), (50, -50)
    assert adapter.diversity(swarm) == pytest.approx(1 / 4)
    assert Adapter.from_shapes({"c": (2, 1)}).diversity(np.ones((3, 2))) == 0


def test_entropy_is_one_when_open_and_zero_when_decided():
    adapter = Adapter.from_shapes(SHAPES)
    zeros = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    assert adapter.entropy(zeros) == pytest.approx(1)
    sharp = {"normal": np.eye(3)[:2] * 800, "reduce": np.array([[800.0, 0.0]])}
    assert adapter.entropy(sharp) == 0
    assert adapter.entropy({**sharp, "reduce": zeros["reduce"]}) == pytest.approx(1 / 3)
    quarter = {"e": np.log(np.array([[[0.75, 0.25]], [[0.5, 0.5]]]))}
    expected = (-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / math.log(2) + 1) / 2
    assert Adapter.from_shapes({"e": (1, 2)}).entropy(quarter) == pytest.approx(expected)
    assert Adapter.from_shapes({"e": (1, 1)}).entropy({"e": np.zeros((1, 1))}) == 0


@settings(deadline=None)
@given(arrays(float, (5, 8), elements=st.floats(-3, 3)))
def test_measures_stay_in_the_unit_interval(positions):
    adapter = Adapter.from_shapes(SHAPES)
    assert 0 <= adapter.diversity(positions) <= 1
    assert 0 <= adapter.entropy(adapter.to_alphas(positions)) <= 1
    assert adapter.diversity(positions[:1]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_follows_numpy(dtype):
    torch = pytest.importorskip("torch")
    adapter = Adapter(create("darts-s1"))
    positions = np.random.default_rng(0).uniform(-4, 4, (6, adapter.num_dims)).astype(dtype)
    tensors = torch.from_numpy(positions)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    for here, there in (
        (adapter.to_alphas(positions), adapter.to_alphas(tensors)),
        (adapter.probabilities(positions), adapter.probabilities(tensors)),
    ):
        for name in here:
            assert there[name].dtype == tensors.dtype
            assert here[name].dtype == positions.dtype
            assert np.allclose(here[name], there[name].numpy(), atol=tolerance)
    alphas, others = adapter.to_alphas(positions), adapter.to_alphas(tensors)
    back = adapter.to_position(others)
    assert back.dtype == tensors.dtype
    assert np.allclose(adapter.to_position(alphas), back.numpy(), atol=tolerance)
    assert adapter.diversity(positions) == pytest.approx(adapter.diversity(tensors), abs=tolerance)
    assert adapter.entropy(alphas) == pytest.approx(adapter.entropy(others), abs=tolerance)


def test_alphas_that_learn_can_be_read():
    torch = pytest.importorskip("torch")
    adapter = Adapter.from_shapes({"cell": (2, 3)})
    alphas = torch.nn.ParameterDict({"cell": torch.zeros(2, 3)})
    assert adapter.entropy(alphas) == pytest.approx(1)
    position = adapter.to_position(alphas)
    assert position.shape == (6,)
    assert not position.requires_grad


@pytest.mark.parametrize(
    "shape", [(7,), (3, 9), (), (0,)], ids=["short", "long", "scalar", "empty"]
)
def test_positions_of_another_length_are_refused(shape):
    with pytest.raises(ShapeError, match=r"positions: expected shape \(\.\.\., 8\)"):
        Adapter.from_shapes(SHAPES).to_alphas(np.zeros(shape))


@pytest.mark.parametrize("shape", [(8,), (0, 8), (2, 2, 8)])
def test_diversity_needs_a_swarm(shape):
    with pytest.raises(ShapeError, match=r"positions: expected shape \(n, 8\)"):
        Adapter.from_shapes(SHAPES).diversity(np.zeros(shape))


@pytest.mark.parametrize(
    ("shapes", "bound", "message"),
    [
        ({}, 3.0, "one cell or more"),
        ({"a": (3,)}, 3.0, r"\(edges, operations\)"),
        ({"a": (0, 3)}, 3.0, "an integer >= 1"),
        ({"a": (1, 3)}, 0.0, "bound: expected a finite number > 0"),
        ({"a": (1, 3)}, math.nan, "bound: expected a finite number > 0"),
    ],
)
def test_settings_out_of_range_are_refused(shapes, bound, message):
    with pytest.raises(SettingError, match=message):
        Adapter.from_shapes(shapes, bound=bound)


def test_alphas_must_agree_on_the_batch():
    adapter = Adapter.from_shapes(SHAPES)
    with pytest.raises(ShapeError, match=r"alphas\['reduce'\]: expected shape \(4, 1, 2\)"):
        adapter.to_position({"normal": np.zeros((4, 2, 3)), "reduce": np.zeros((5, 1, 2))})
    with pytest.raises(SettingError, match="NaN or infinity"):
        adapter.entropy({"normal": np.full((2, 3), np.inf), "reduce": np.zeros((1, 2))})
