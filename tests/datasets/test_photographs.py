"""Enlarged parts and shifted colours, against torchvision and by hand."""

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from swarmnas.datasets import Batches, ImageSet
from swarmnas.datasets.photographs import coloured, enlarged, random_boxes
from swarmnas.errors import SettingError

NO, YES = torch.tensor([False]), torch.tensor([True])
BY_TURNS = np.array([[0, 1, 2, 3]])


def photograph(height=24, width=24):
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.integers(0, 256, (1, 3, 4, 4), np.uint8))
    return reference.resize(coarse, [height, width], antialias=False)


@pytest.mark.parametrize(("height", "width"), [(24, 24), (16, 32)])
def test_an_enlarged_part_is_that_of_torchvision_but_for_its_edge(height, width):
    image = photograph(height, width)
    top, left, high, wide = height // 4, width // 8, height // 2, width // 2
    box = torch.tensor([[top / height, left / width, high / height, wide / width]])
    found = enlarged(image, box, NO)
    wanted = reference.resized_crop(image, top, left, high, wide, [height, width], antialias=False)
    inner = (..., slice(1, -1), slice(1, -1))  # at the edge torchvision does not look outside
    assert (found[inner].int() - wanted[inner].int()).abs().max() <= 1
    assert torch.equal(enlarged(image, box, YES), found.flip(-1))


def test_the_whole_image_stays_what_it_is():
    image, whole = photograph(), torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    assert torch.equal(enlarged(image, whole, NO), image)


@pytest.mark.parametrize("aspect", [1.0, 0.5])
def test_boxes_lie_within_the_image_and_have_the_sizes_of_the_recipe(aspect):
    boxes = random_boxes(np.random.default_rng(0), 4000, aspect)
    top, left, high, wide = boxes.T
    assert boxes.min() >= 0
    assert (top + high).max() <= 1 + 1e-12
    assert (left + wide).max() <= 1 + 1e-12
    area, ratio = high * wide, wide / (high * aspect)
    drawn = (high < 1) | (wide < 1)  # the others are whole images
    assert 0.08 <= area.min() < 0.09
    assert area[drawn].max() > 0.6
    assert ratio[drawn].min() >= 3 / 4 - 1e-9
    assert ratio[drawn].max() <= 4 / 3 + 1e-9


def test_each_strength_is_that_of_one_change():
    image = photograph()
    wanted = (
        reference.adjust_brightness(image, 1.3),
        reference.adjust_contrast(image, 1.3),
        reference.adjust_saturation(image, 1.3),
        reference.adjust_hue(image, 0.15),
    )
    for which, changed in enumerate(wanted):
        strengths = np.zeros((1, 4))
        strengths[0, which] = 0.3
        found = coloured(image, strengths, BY_TURNS)
        assert (found.int() - changed.int()).abs().max() <= 2  # to hue and back rounds
        assert (found.int() - image.int()).abs().max() > 10


def test_photographs_are_a_function_of_seed_and_epoch_whoever_takes_them():
    rng = np.random.default_rng(0)
    images = ImageSet(
        torch.from_numpy(rng.integers(0, 256, (10, 3, 16, 16), np.uint8)), torch.arange(10)
    )
    settings = {
        "seed": 0,
        "mean": (0.5,) * 3,
        "std": (0.25,) * 3,
        "augment": "resized-crop+flip",
        "colour": 0.4,
    }
    one = Batches(images, 4, **settings)
    shares = [Batches(images, 4, share=(number, 2), **settings) for number in range(2)]
    for (pixels, labels), *parts in zip(one, *shares, strict=True):
        for number, (some, some_labels) in enumerate(parts):
            torch.testing.assert_close(some, pixels[number::2])
            assert torch.equal(some_labels, labels[number::2])
    first = torch.cat([pixels for pixels, _ in one])
    one.set_epoch(1)
    assert not torch.equal(torch.cat([pixels for pixels, _ in one]), first)


def test_colour_is_a_share():
    images = ImageSet(torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.arange(2))
    with pytest.raises(SettingError, match="colour: expected a finite number"):
        Batches(images, 2, seed=0, mean=(0.5,) * 3, std=(1.0,) * 3, colour=1.5)
