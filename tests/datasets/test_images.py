"""Image sets, splits, subsets, statistics."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swarmnas.datasets import Dataset, ImageSet
from swarmnas.datasets.images import balanced_subset
from swarmnas.errors import DataError, SettingError, UnknownNameError

COUNTS = st.lists(st.integers(1, 20), min_size=1, max_size=6)


def image_set(labels, pixels=None):
    labels = torch.as_tensor(labels)
    if pixels is None:
        pixels = torch.arange(len(labels), dtype=torch.uint8).reshape(-1, 1, 1, 1)
    return ImageSet(pixels, labels)


def shuffled_labels(counts, seed=0):
    labels = np.repeat(np.arange(len(counts)), counts)
    return torch.from_numpy(np.random.default_rng(seed).permutation(labels))


@pytest.mark.parametrize(
    ("images", "labels", "what"),
    [
        (torch.zeros(2, 1, 4, 4), torch.tensor([0, 1]), "images: expected a uint8 tensor"),
        (torch.zeros(2, 4, 4, dtype=torch.uint8), torch.tensor([0, 1]), "images: expected a uint8"),
        (torch.zeros(0, 1, 4, 4, dtype=torch.uint8), torch.tensor([]).long(), "images: expected"),
        (
            torch.zeros(2, 1, 4, 4, dtype=torch.uint8),
            torch.tensor([0]),
            "labels: expected an int64",
        ),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.tensor([0.0, 1.0]), "labels: expected"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, -1]), "labels >= 0; got -1"),
    ],
)
def test_image_sets_are_checked(images, labels, what):
    with pytest.raises(DataError, match=what):
        ImageSet(images, labels)


def test_statistics_are_those_of_the_training_images(make_dataset):
    data = make_dataset([30, 20])
    values = data.train.images.numpy() / 255
    np.testing.assert_allclose(data.mean, values.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(data.std, values.std(axis=(0, 2, 3)), rtol=1e-12)


def test_a_constant_channel_has_deviation_one():
    pixels = torch.full((2, 1, 2, 2), 51, dtype=torch.uint8)
    data = Dataset("flat", image_set([0, 1], pixels), lambda: image_set([0]))
    assert data.mean == (pytest.approx(0.2),)
    assert data.std == (1.0,)


def test_a_class_without_training_images_is_named():
    with pytest.raises(DataError, match="each of the classes 0 to 3; got none of class 2"):
        Dataset("gap", image_set([0, 1, 3]), lambda: image_set([0]))


def test_a_data_set_checks_names_and_augmentation():
    with pytest.raises(DataError, match="expected 2 class names; got 1"):
        Dataset("x", image_set([0, 1]), lambda: image_set([0]), class_names=("a",))
    with pytest.raises(UnknownNameError, match="Did you mean 'crop'"):
        Dataset("x", image_set([0, 1]), lambda: image_set([0]), augment="crops")


@pytest.mark.parametrize(
    ("test", "what"),
    [
        (image_set([0, 2]), "labels 0 to 1, as in training; got 2"),
        (image_set([0], torch.zeros(1, 3, 1, 1, dtype=torch.uint8)), r"got \(3, 1, 1\)"),
    ],
)
def test_a_test_split_of_another_kind_is_refused(test, what):
    data = Dataset("x", image_set([0, 1]), lambda: test)
    with pytest.raises(DataError, match=f"x, test split: .*{what}"):
        data.test()


@given(COUNTS, st.floats(0.05, 0.95), st.integers(0, 2**32))
def test_a_split_takes_its_share_of_each_class_and_loses_nothing(counts, share, seed):
    labels = shuffled_labels(counts)
    data = Dataset("x", image_set(labels), lambda: pytest.fail("the test split was read"))
    expected = [min(int(np.floor(share * n + 1e-9)), n - 1) for n in counts]
    if not any(expected):
        with pytest.raises(SettingError, match="leaves a validation image"):
            data.split(share, seed=seed)
        return
    train, valid = data.split(share, seed=seed)
    assert np.bincount(valid.labels, minlength=len(counts)).tolist() == expected
    both = torch.cat([train.images, valid.images]).flatten()
    assert sorted(both.tolist()) == sorted(data.train.images.flatten().tolist())
    for part in (train, valid):  # each image kept its label
        assert torch.equal(part.labels, labels[part.images.flatten().long()])
    again = data.split(share, seed=seed)
    assert torch.equal(again[1].images, valid.images)


def test_another_seed_splits_otherwise(make_dataset):
    data = make_dataset([20, 20])
    assert not torch.equal(data.split(seed=0)[0].images, data.split(seed=1)[0].images)


@pytest.mark.parametrize("share", [0, 1, -0.5, float("nan"), "half"])
def test_a_share_out_of_range_is_refused(make_dataset, share):
    with pytest.raises(SettingError, match=r"valid_share: expected a share in \(0, 1\)"):
        make_dataset([4, 4]).split(share, seed=0)


@given(COUNTS, st.data(), st.integers(0, 2**32))
def test_a_subset_is_as_even_as_it_goes_and_grows_by_adding(counts, data, seed):
    labels = shuffled_labels(counts)
    size = data.draw(st.integers(len(counts), sum(counts)))
    chosen = balanced_subset(labels, size, seed)
    assert len(np.unique(chosen)) == size
    taken = np.bincount(labels[chosen], minlength=len(counts))
    assert taken.min() >= 1
    for class_, other in np.ndindex(len(counts), len(counts)):
        if taken[class_] < counts[class_]:  # only a class that is used up may fall behind
            assert taken[class_] >= taken[other] - 1
    if size > len(counts):
        assert set(balanced_subset(labels, size - 1, seed)) < set(chosen)


@pytest.mark.parametrize("size", [2, 13, 4.0, True])
def test_a_subset_out_of_range_is_refused(size):
    with pytest.raises(SettingError, match="train_images: expected an integer >= 3 and <= 12"):
        balanced_subset(shuffled_labels([4, 4, 4]), size, 0)


def test_resizing_averages_and_keeps_bytes():
    pixels = torch.tensor([[0, 100], [100, 200]], dtype=torch.uint8).repeat_interleave(4, 0)
    pixels = pixels.repeat_interleave(4, 1)[None, None]
    half = image_set([0], pixels).resized(4)
    assert half.images.dtype == torch.uint8
    assert half.images[0, 0, 0, 0] == 0
    assert half.images[0, 0, -1, -1] == 200
    assert half.images.float().mean() == pytest.approx(100, abs=1)
    flat = image_set([0], torch.full((1, 1, 8, 8), 77, dtype=torch.uint8))
    for side in (1, 3, 8, 20):
        assert torch.equal(
            flat.resized(side).images, torch.full((1, 1, side, side), 77, dtype=torch.uint8)
        )
