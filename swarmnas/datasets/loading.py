"""From a name or a path to a data set."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Protocol

from swarmnas.checks import as_int, explain, one_of, unknown_name
from swarmnas.datasets.images import AUGMENTATIONS, Augmentation, Dataset, balanced_subset
from swarmnas.errors import DataError, UnknownNameError
from swarmnas.registry import Registry
from swarmnas.rng import Seed

__all__ = ["Source", "available", "datasets", "load"]


class Source(Protocol):
    """What a registered name stands for."""

    def __call__(self, *, data_dir: Path, download: bool) -> Dataset:
        """Return the data set, whole and at its own size.

        Args:
            data_dir: Where downloads are kept.
            download: Whether what is missing may be fetched.
        """


datasets = Registry[Source](kind="dataset")
datasets.add(
    "digits",
    "swarmnas.datasets.digits:load_digits",
    summary="1,797 grey 8x8 digits that come with scikit-learn.",
)
datasets.add(
    "cifar10",
    "swarmnas.datasets.downloads:load_cifar10",
    summary="60,000 colour 32x32 images of 10 classes (--download).",
)
datasets.add(
    "cifar100",
    "swarmnas.datasets.downloads:load_cifar100",
    summary="60,000 colour 32x32 images of 100 classes (--download).",
)
datasets.add(
    "fashion-mnist",
    "swarmnas.datasets.downloads:load_fashion_mnist",
    summary="70,000 grey 28x28 images of 10 kinds of clothes (--download).",
)


def available() -> dict[str, str]:
    """Return every known name with its summary; paths are accepted besides.

    Example:
        >>> "digits" in available()
        True
    """
    return {name: entry.summary for name, entry in datasets.entries().items()}


def load(
    name_or_path: str | Path,
    *,
    image_size: int | None = None,
    train_images: int | None = None,
    seed: Seed = 0,
    download: bool = False,
    data_dir: Path | str | None = None,
    augment: Augmentation | None = None,
) -> Dataset:
    """Load a data set into memory; its test split stays unread until ``test()``.

    Args:
        name_or_path: A name of :func:`available`, a ``.npz`` file, a folder of IDX files, or a
            folder of images (see ``docs/how-to/own-data.md``). A name wins over a path that reads
            the same; write ``./digits`` for the path.
        image_size: Resize all images to squares of so many pixels.
        train_images: Keep so many training images, as evenly from all classes as they go.
        seed: Decides which are kept. Where a source has no test split of its own, the split that
            is made for it does not depend on this seed: no seed trains on another's test images.
        download: Fetch what is missing.
        data_dir: Where downloads are kept; ``swarmnas`` in the user's cache by default.
        augment: A word of :class:`Dataset` in place of the data set's own.

    Raises:
        UnknownNameError: Neither a name nor a path.
        DataError: The data are missing, torn or not of the expected form.
        SettingError: A setting is out of range.
        PluginError: What a plug-in gave is no data set.

    Example:
        >>> digits = load("digits", image_size=16, train_images=200)
        >>> digits.train.images.shape, digits.num_classes, digits.augment
        (torch.Size([200, 1, 16, 16]), 10, 'crop')
    """
    if image_size is not None:
        image_size = as_int("image_size", image_size, low=1, high=4096)
    if augment is not None:
        one_of("augment", augment, AUGMENTATIONS)
    whole = _load_whole(name_or_path, image_size, download, data_dir)
    if whole.num_classes < 2:
        raise DataError(
            explain(
                str(name_or_path),
                "images of at least two classes",
                f"one class, {whole.class_names[0]!r}",
                "In a folder, each class has a sub-folder of its own.",
            )
        )
    train = whole.train
    if train_images is not None:
        train = train.take(balanced_subset(train.labels, train_images, seed))
    read_test = load_test = whole.load_test
    if image_size is not None:
        side = image_size
        train = train.resized(side)
        load_test = lambda: read_test().resized(side)
    return dataclasses.replace(
        whole, train=train, load_test=load_test, augment=augment or whole.augment
    )


def _load_whole(
    name_or_path: str | Path, image_size: int | None, download: bool, data_dir: Path | str | None
) -> Dataset:
    name = str(name_or_path)
    if not isinstance(name_or_path, Path) and name in datasets:
        home = Path(data_dir).expanduser() if data_dir is not None else _cache()
        found = datasets.load(name)(data_dir=home, download=download)
        if not isinstance(found, Dataset):
            raise datasets.broken(name, "Dataset", type(found).__name__)
        return found
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        from swarmnas.datasets import folder, idx

        return idx.load_idx(path) if idx.is_idx(path) else folder.load_folder(path, image_size)
    if path.is_file():  # a device would be read without end
        from swarmnas.datasets.npz import load_npz

        return load_npz(path)
    if isinstance(name_or_path, Path) or path.suffix or "/" in name or os.sep in name:
        raise DataError(
            explain(name, "a .npz file or a folder", "neither at this path", "Check the path.")
        )
    raise UnknownNameError(
        f"{unknown_name('dataset', name, datasets)} "
        "A path to a .npz file or to a folder is accepted too."
    )


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "swarmnas"
