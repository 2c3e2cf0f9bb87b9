"""Batches: complete, pure in seed and epoch, augmented from the padded image alone."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from swarmnas.datasets import Batches, ImageSet
from swarmnas.errors import SettingError, UnknownNameError

PLAIN = {"mean": (0.0,), "std": (1 / 255,)}  # what comes out is the bytes, as floats


def numbered(num_images, height=8, width=8):
    """Images of which no two pixels are alike, as far as bytes go, and none is zero."""
    pixels = torch.arange(num_images * height * width) % 255 + 1
    images = pixels.to(torch.uint8).reshape(num_images, 1, height, width)
    return ImageSet(images, torch.arange(num_images))


def epoch(batches, number):
    batches.set_epoch(number)
    parts = list(batches)
    return torch.cat([images for images, _ in parts]), torch.cat([labels for _, labels in parts])


@given(st.integers(1, 40), st.integers(1, 50), st.booleans(), st.booleans())
def test_every_image_comes_once(num_images, batch_size, shuffle, drop_last):
    images = numbered(num_images, 2, 2)
    settings = {**PLAIN, "shuffle": shuffle, "drop_last": drop_last, "seed": 0}
    if drop_last and batch_size > num_images:
        with pytest.raises(SettingError, match=f"at most {num_images}"):
            Batches(images, batch_size, **settings)
        return
    batches = Batches(images, batch_size, **settings)
    sizes = [len(labels) for _, labels in batches]
    assert len(sizes) == len(batches)
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
    pixels, labels = epoch(batches, 0)
    assert len(set(labels.tolist())) == len(labels)
    assert len(labels) == (num_images // batch_size * batch_size if drop_last else num_images)
    assert torch.equal(pixels.round(), images.images[labels].float())
    if not shuffle:
        assert torch.equal(labels, torch.arange(len(labels)))


@pytest.mark.parametrize("augment", ["none", "crop", "crop+flip"])
def test_an_epoch_is_a_function_of_seed_and_number(augment):
    images = numbered(50)
    one = Batches(images, 8, seed=3, augment=augment, **PLAIN)
    other = Batches(images, 8, seed=3, augment=augment, **PLAIN)
    first = epoch(one, 5)
    epoch(other, 2)
    next(iter(other))  # a pass that was given up leaves no trace
    again = epoch(other, 5)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(epoch(one, 6)[1], first[1])
    assert not torch.equal(epoch(Batches(images, 8, seed=4, **PLAIN), 5)[1], first[1])


def test_two_passes_at_once_do_not_disturb_each_other():
    batches = Batches(numbered(20), 4, seed=0, augment="crop+flip", **PLAIN)
    for (one, _), (other, _) in zip(batches, batches, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("augment", ["crop", "crop+flip"])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (8, 24), (7, 7), (32, 8)])
def test_pixels_come_from_the_padded_image(augment, height, width):
    images = numbered(60, height, width)
    pixels, labels = epoch(Batches(images, 32, seed=0, augment=augment, **PLAIN), 0)
    rows, columns = height // 8, width // 8
    padded = functional.pad(images.images, (columns, columns, rows, rows)).float()
    seen = set()
    for cut, label in zip(pixels.round(), labels, strict=True):
        found = [
            (top, left, mirror)
            for top in range(2 * rows + 1)
            for left in range(2 * columns + 1)
            for mirror in (False, True)
            for window in [padded[label, :, top : top + height, left : left + width]]
            if torch.equal(cut, window.flip(-1) if mirror else window)
        ]
        assert len(found) == 1
        seen.add(found[0])
    tops, lefts, mirrors = (set(column) for column in zip(*seen, strict=True))
    assert tops == set(range(2 * rows + 1))
    assert lefts == set(range(2 * columns + 1))
    assert mirrors == ({False, True} if augment == "crop+flip" else {False})


def test_channels_are_cut_alike_and_normalised():
    grey = numbered(30, 16, 16).images
    images = ImageSet(torch.cat([grey, grey, grey], dim=1), torch.arange(30))
    batches = Batches(
        images, 30, seed=1, mean=(0.5, 0.25, 0.0), std=(1.0, 0.5, 0.25), augment="crop+flip"
    )
    pixels, _ = epoch(batches, 0)
    assert pixels.dtype == torch.float32
    raw = [pixels[:, 0] * 1.0 + 0.5, pixels[:, 1] * 0.5 + 0.25, pixels[:, 2] * 0.25]
    torch.testing.assert_close(raw[1], raw[0])
    torch.testing.assert_close(raw[2], raw[0])


def test_a_data_set_is_normalised_to_mean_zero_and_deviation_one(make_dataset):
    data = make_dataset([40, 40])
    pixels, _ = epoch(Batches(data.train, 7, seed=0, mean=data.mean, std=data.std), 0)
    np.testing.assert_allclose(pixels.mean(dim=(0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(pixels.std(dim=(0, 2, 3), correction=0), 1, rtol=1e-5)


def test_the_callers_images_are_untouched_and_global_generators_too():
    images = numbered(20)
    before = images.images.clone()
    state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    for pixels, _ in Batches(images, 8, seed=0, augment="crop+flip", **PLAIN):
        pixels.zero_()
    assert torch.equal(images.images, before)
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(torch_state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"mean": (0.1, 0.2)}, "mean: expected 1 finite numbers"),
        ({"std": (float("nan"),)}, "std: expected 1 finite numbers"),
        ({"std": (0.0,)}, "std: expected numbers > 0"),
        ({"batch_size": 0}, "batch_size: expected an integer >= 1"),
        ({"seed": -1}, "seed: expected an integer >= 0"),
    ],
)
def test_settings_are_checked(change, what):
    with pytest.raises(SettingError, match=what):
        Batches(numbered(4), **{"batch_size": 2, "seed": 0, **PLAIN, **change})


def test_names_and_epochs_are_checked():
    with pytest.raises(UnknownNameError, match=r"augment: unknown name 'flip'\."):
        Batches(numbered(4), 2, seed=0, augment="flip", **PLAIN)
    with pytest.raises(SettingError, match="epoch: expected an integer >= 0"):
        Batches(numbered(4), 2, seed=0, **PLAIN).set_epoch(-1)


@pytest.mark.gpu
def test_a_cuda_device_gives_the_same_batches():
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    images = numbered(50)
    settings = {**PLAIN, "seed": 0, "augment": "crop+flip"}
    host = epoch(Batches(images, 8, **settings), 1)
    device = epoch(Batches(images, 8, device="cuda", **settings), 1)
    assert torch.equal(host[0], device[0].cpu())
    assert torch.equal(host[1], device[1].cpu())
