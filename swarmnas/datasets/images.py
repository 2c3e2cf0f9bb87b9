"""Labelled images in memory, and data sets made of a train and a test split of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from swarmnas.checks import as_int, explain, one_of
from swarmnas.errors import DataError, SettingError
from swarmnas.rng import Seed, generator

__all__ = [
    "AUGMENTATIONS",
    "STREAM",
    "Augmentation",
    "Dataset",
    "ImageSet",
    "balanced_subset",
    "default_augment",
    "held_out",
]

Indices = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
"""``(n,)``, places in an image set, or one value for each image of it."""

Augmentation = Literal["none", "crop", "crop+flip", "resized-crop+flip"]
AUGMENTATIONS: tuple[Augmentation, ...] = ("none", "crop", "crop+flip", "resized-crop+flip")

STREAM = 0xDA7A
"""First step of every random stream of this package, so that it shares none with another."""
_SPLIT, _SUBSET = 1, 2


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images and their labels.

    Attributes:
        images: ``(N, C, H, W)``, uint8, 0 to 255.
        labels: ``(N,)``, int64, >= 0.

    Raises:
        DataError: Shapes or dtypes are others, or there is no image.

    Example:
        >>> few = ImageSet(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 1]))
        >>> len(few), few.resized(2).images.shape
        (2, torch.Size([2, 1, 2, 2]))
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.ndim != 4 or 0 in self.images.shape:
            raise DataError(
                explain(
                    "images",
                    "a uint8 tensor (N, C, H, W) with at least one image",
                    f"{self.images.dtype}, shape {tuple(self.images.shape)}",
                    "Convert it first.",
                )
            )
        if self.labels.dtype != torch.int64 or self.labels.shape != self.images.shape[:1]:
            raise DataError(
                explain(
                    "labels",
                    f"an int64 tensor ({len(self.images)},), one label for each image",
                    f"{self.labels.dtype}, shape {tuple(self.labels.shape)}",
                    "Convert it first.",
                )
            )
        if int(self.labels.min()) < 0:
            raise DataError(
                explain("labels", "labels >= 0", int(self.labels.min()), "Count classes from 0.")
            )

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Indices) -> ImageSet:
        """Return the images at ``indices``, copied, in that order."""
        at = torch.from_numpy(indices)
        return ImageSet(self.images[at], self.labels[at])

    def resized(self, image_size: int) -> ImageSet:
        """Return the images as squares of ``image_size`` pixels (antialiased, bilinear)."""
        if self.images.shape[2:] == (image_size, image_size):
            return self
        parts = []
        for at in range(0, len(self), 1024):  # floats of a few images at a time
            part = functional.interpolate(
                self.images[at : at + 1024].float(),
                (image_size, image_size),
                mode="bilinear",
                antialias=True,
            )
            parts.append(part.round_().clamp_(0, 255).to(torch.uint8))
        return ImageSet(torch.cat(parts), self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set: images to search and train on, and a test split that only a final report reads.

    Attributes:
        name: What messages call it.
        train: The training images. The number of classes is their largest label plus one.
        load_test: Reads the test images; called by :meth:`test` alone.
        augment: The random changes that leave a class what it is. "crop" shifts by up to an
            eighth of the size, black beyond the edge; "resized-crop" enlarges a part, as is
            usual for photographs; "flip" mirrors left and right, which is wrong for digits and
            letters.
        class_names: One name for each class; the numbers as text if empty.

    Raises:
        DataError: A class has no training image.

    Example:
        >>> images = torch.arange(8, dtype=torch.uint8).reshape(8, 1, 1, 1)
        >>> few = ImageSet(images, torch.tensor([0, 1] * 4))
        >>> data = Dataset("few", train=few, load_test=lambda: few)
        >>> train, valid = data.split(0.25, seed=0)
        >>> len(train), len(valid), data.num_classes
        (6, 2, 2)
    """

    name: str
    train: ImageSet
    load_test: Callable[[], ImageSet]
    augment: Augmentation = "none"
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        one_of("augment", self.augment, AUGMENTATIONS)
        present = torch.unique(self.train.labels)
        largest = int(present[-1])
        if len(present) != largest + 1:
            missing = int((present != torch.arange(len(present))).nonzero()[0])
            raise DataError(
                explain(
                    self.name,
                    f"a training image for each of the classes 0 to {largest}",
                    f"none of class {missing}",
                    "Add images or number the classes without gaps.",
                )
            )
        names = self.class_names or tuple(map(str, range(largest + 1)))
        if len(names) != largest + 1:
            raise DataError(
                explain(
                    self.name, f"{largest + 1} class names", len(names), "Name every class once."
                )
            )
        object.__setattr__(self, "class_names", names)

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of each channel over the training images, on the scale 0 to 1."""
        return self._statistics[0]

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation of each channel, on the scale 0 to 1; 1 for a constant channel."""
        return self._statistics[1]

    @cached_property
    def _statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        values = np.arange(256) / 255
        means, deviations = [], []
        for channel in self.train.images.unbind(1):  # exact: counts of 256 values, not float sums
            counts = torch.bincount(channel.flatten(), minlength=256).numpy()
            share = counts / counts.sum()
            mean = float(share @ values)
            means.append(mean)
            deviations.append(float(np.sqrt(share @ (values - mean) ** 2)) or 1.0)
        return tuple(means), tuple(deviations)

    def test(self) -> ImageSet:
        """Read and return the test images; for the final report, never within a search.

        Raises:
            DataError: They are unreadable, or of another size, channel count or class than the
                training images.
        """
        images = self.load_test()
        if images.images.shape[1:] != self.train.images.shape[1:]:
            raise DataError(
                explain(
                    f"{self.name}, test split",
                    f"images of shape {tuple(self.train.images.shape[1:])}, as in training",
                    tuple(images.images.shape[1:]),
                    "Give both splits one size, for example with --image-size.",
                )
            )
        if int(images.labels.max()) >= self.num_classes:
            raise DataError(
                explain(
                    f"{self.name}, test split",
                    f"labels 0 to {self.num_classes - 1}, as in training",
                    int(images.labels.max()),
                    "Correct the test labels.",
                )
            )
        return images

    def split(self, valid_share: float = 0.5, *, seed: Seed) -> tuple[ImageSet, ImageSet]:
        """Split the training images, each class alike, into two that share no image.

        Args:
            valid_share: Share of each class that goes to validation, in (0, 1), rounded down.
            seed: Decides which; the same seed gives the same split.

        Returns:
            The images to train on, and the images to validate on.

        Raises:
            SettingError: The share is out of range, or so small that validation would be empty.
        """
        if not isinstance(valid_share, int | float) or not 0 < valid_share < 1:
            raise SettingError(
                explain("valid_share", "a share in (0, 1)", repr(valid_share), "Use 0.5.")
            )
        rest, held = held_out(self.train.labels, valid_share, seed)
        if not len(held):
            raise SettingError(
                explain(
                    "valid_share",
                    "a share that leaves a validation image",
                    repr(valid_share),
                    f"The largest class of {self.name} has too few images: use a larger share.",
                )
            )
        return self.train.take(rest), self.train.take(held)


def default_augment(train: ImageSet) -> Augmentation:
    """Return what a source that says nothing may do: grey images may be digits or letters."""
    return "crop" if train.images.shape[1] == 1 else "crop+flip"


def held_out(labels: Tensor, share: float, seed: Seed) -> tuple[Indices, Indices]:
    """Return the indices that stay and those held out, ascending; ``share`` of each class."""
    classes = labels.numpy()
    counts = np.bincount(classes)
    quota = np.minimum(np.floor(share * counts + 1e-9), counts - 1)
    held = _rank_in_class(classes, generator(seed, STREAM, _SPLIT)) < quota[classes]
    return np.flatnonzero(~held), np.flatnonzero(held)


def balanced_subset(labels: Tensor, size: int, seed: Seed) -> Indices:
    """Return the indices of ``size`` images, ascending, as evenly from all classes as they go.

    A larger subset of the same seed contains the smaller ones.

    Raises:
        SettingError: ``size`` is below the number of classes or above the number of images.
    """
    num_classes = int(labels.max()) + 1
    size = as_int("train_images", size, low=num_classes, high=len(labels))
    rng = generator(seed, STREAM, _SUBSET)
    classes = labels.numpy()
    rank = _rank_in_class(classes, rng)
    turn = rng.permutation(num_classes)[classes]  # who is first when the last round is not full
    return np.sort(np.lexsort((turn, rank))[:size])


def _rank_in_class(classes: Indices, rng: np.random.Generator) -> Indices:
    """Return each image's place, from 0, in a random order of its class."""
    order = rng.permutation(len(classes))
    by_class = order[np.argsort(classes[order], kind="stable")]
    counts = np.bincount(classes)
    rank = np.empty(len(classes), dtype=np.int64)
    rank[by_class] = np.arange(len(classes)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rank
