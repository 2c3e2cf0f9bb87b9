"""Batches of images for a search: those of a data set, or a user's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from swarmnas.checks import explain
from swarmnas.datasets import Batches, Dataset
from swarmnas.datasets import load as load_dataset
from swarmnas.errors import DataError, SettingError
from swarmnas.rng import seed_sequence
from swarmnas.search.config import SearchConfig
from swarmnas.search.gradients import Batch
from swarmnas.search.streams import Stream

__all__ = ["Endless", "Images", "Loader", "dataset_of", "images_of", "set_epoch"]


class Loader(Protocol):
    """Mini-batches of ``(images (n, C, H, W), labels (n,))``, as a torch ``DataLoader`` gives them.

    Iterating twice must be possible. Where there is a method ``set_epoch(epoch)``, it is called
    before each epoch, and the order should depend on it alone; without one, a resumed search is
    only as reproducible as the loader.
    """

    def __iter__(self) -> Iterator[Any]: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Images:
    """What a search learns from.

    Args:
        train: Batches that train the weights.
        valid: Batches that steer the alphas.
        in_channels: Channels of the images.
        num_classes: Classes of the labels.
        image_size: The longer side of the images, pixels.
    """

    train: Loader
    valid: Loader
    in_channels: int
    num_classes: int
    image_size: int


def dataset_of(config: SearchConfig) -> Dataset:
    """Return the configured data set, resized and cut down as the configuration says.

    Raises:
        DataError: It cannot be had.
        SettingError: It does not have that many images.
    """
    return load_dataset(
        config.dataset,
        image_size=config.image_size,
        train_images=config.train_images,
        seed=config.seed,
        download=config.download,
        data_dir=config.data_dir,
        augment=config.augment,
    )


def images_of(
    config: SearchConfig,
    device: torch.device,
    *,
    train: Loader | None = None,
    valid: Loader | None = None,
) -> Images:
    """Return the user's loaders if there are any, else batches of the configured data set.

    Raises:
        SettingError: One loader is given without the other, or both without ``num_classes``, or
            ``num_classes`` without them.
        DataError: The data set cannot be had, or has no whole batch for either part.
    """
    if (train is None) != (valid is None):
        missing = "train" if train is None else "valid"
        raise SettingError(
            explain("loaders", "both train and valid, or neither", f"no {missing}", "Pass it.")
        )
    if train is not None and valid is not None:
        if config.num_classes is None:
            raise SettingError(
                explain("num_classes", "a number", "none", "Your own loaders need it set.")
            )
        images, _ = next(iter(train))
        return Images(train, valid, images.shape[1], config.num_classes, max(images.shape[2:]))
    if config.num_classes is not None:
        raise SettingError(
            explain(
                "num_classes",
                "none beside a data set, which knows its classes",
                config.num_classes,
                "Leave it out, or pass loaders of your own.",
            )
        )
    dataset = dataset_of(config)
    parts = dataset.split(config.valid_share, seed=seed_sequence(config.seed, Stream.SPLIT))
    for name, part in zip(("training", "validation"), parts, strict=True):
        if len(part.labels) < config.batch_size:
            raise DataError(
                explain(
                    f"{name} images",
                    f"at least one batch of {config.batch_size}",
                    len(part.labels),
                    "Lower batch_size or use more images.",
                )
            )
    ours, theirs = (
        Batches(
            part,
            config.batch_size,
            seed=seed_sequence(config.seed, stream),
            augment=augment,
            mean=dataset.mean,
            std=dataset.std,
            device=device,
            drop_last=True,
        )
        for part, stream, augment in zip(
            parts, (Stream.TRAIN, Stream.VALID), (dataset.augment, "none"), strict=True
        )
    )
    shape = dataset.train.images.shape
    return Images(ours, theirs, shape[1], dataset.num_classes, max(shape[2:]))


def set_epoch(loader: Any, epoch: int) -> None:
    """Tell a loader which epoch begins, if it wants to know."""
    if hasattr(loader, "set_epoch"):
        loader.set_epoch(epoch)


class Endless:
    """The images of a loader in the order of one epoch, over and over."""

    def __init__(self, loader: Loader, epoch: int, device: torch.device) -> None:
        set_epoch(loader, epoch)
        self._device = device
        self._batches = _forever(loader)
        self._images: list[torch.Tensor] = []
        self._labels: list[torch.Tensor] = []

    def take(self, count: int) -> Batch:
        """Return the next ``count`` images and labels, on the device."""
        while sum(map(len, self._labels)) < count:
            images, labels = next(self._batches)
            self._images.append(images.to(self._device))
            self._labels.append(labels.to(self._device))
        images, labels = torch.cat(self._images), torch.cat(self._labels)
        self._images, self._labels = [images[count:]], [labels[count:]]
        return images[:count], labels[:count]


def _forever(loader: Loader) -> Iterator[Any]:
    while True:
        yield from loader
