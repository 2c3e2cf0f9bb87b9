"""Images from a folder with one sub-folder a class."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from swarmnas.checks import explain
from swarmnas.datasets.images import Dataset, ImageSet, default_augment, held_out
from swarmnas.errors import DataError

__all__ = ["load_folder"]

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "PPM")  # no format that runs a program
_GREY = ("1", "L")
_COLOUR = ("LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")

Files = list[tuple[Path, int]]


def load_folder(root: Path, image_size: int | None) -> Dataset:
    """Return the data set in the folder ``root``.

    Either ``root/train/CLASS/*.png`` and ``root/test/CLASS/*.png``, or ``root/CLASS/*.png``; then
    a fifth of each class becomes the test split, the same fifth whatever the seed of a run, as
    long as the folder stays as it is. Classes are numbered in the order of their names. If every
    training image is grey there is one channel, else three. Other file types are passed over.

    Args:
        root: The folder.
        image_size: The side to which each image is resized; needed if they differ in size.

    Raises:
        DataError: There are no images, a class has none, a file is unreadable, or sizes differ.
    """
    class_names, train, test = _files(root)
    size, channels = _form(root, train, image_size)
    resize = image_size is not None
    images = _read(train, size, channels, resize)
    return Dataset(
        str(root),
        images,
        lambda: _read(test, size, channels, resize),
        augment=default_augment(images),
        class_names=class_names,
    )


def _files(root: Path) -> tuple[tuple[str, ...], Files, Files]:
    """Return the class names and the files of both splits."""
    folders = _folders(root)
    if "train" not in folders and "test" not in folders:
        whole = _labelled(root, folders)
        labels = torch.tensor([label for _, label in whole])
        stay, held = held_out(labels, 0.2, seed=0)
        if not len(held):
            raise DataError(
                explain(
                    str(root),
                    "at least five images of a class, a fifth of which becomes the test split",
                    f"{len(whole)} images of {len(folders)} classes",
                    "Add images, or sub-folders train and test.",
                )
            )
        return tuple(folders), [whole[at] for at in stay], [whole[at] for at in held]
    for split in ("train", "test"):
        if split not in folders:
            raise DataError(
                explain(
                    str(root),
                    "both a sub-folder train and a sub-folder test",
                    f"no {split}",
                    f"Add {split}, or put the classes directly into {root.name}.",
                )
            )
    names = _folders(root / "train")
    unknown = sorted(set(_folders(root / "test")) - set(names))
    if unknown:
        raise DataError(
            explain(
                str(root / "test"),
                "the classes of train and no other",
                unknown[0],
                "Rename that sub-folder.",
            )
        )
    return (
        tuple(names),
        _labelled(root / "train", names),
        _labelled(root / "test", names, some=True),
    )


def _folders(root: Path) -> list[str]:
    try:
        return sorted(
            entry.name for entry in root.iterdir() if entry.is_dir() and entry.name[0] != "."
        )
    except OSError as cause:
        raise DataError(
            explain(str(root), "a readable folder", cause.strerror or cause, "Check the path.")
        ) from cause


def _labelled(root: Path, names: list[str], *, some: bool = False) -> Files:
    """Return the image files of each class; none in a class is an error unless ``some``."""
    files: Files = []
    for label, name in enumerate(names):
        found = sorted(
            entry
            for entry in (root / name).glob("*")
            if entry.suffix.lower() in _SUFFIXES and entry.name[0] != "." and entry.is_file()
        )
        if not found and not some:
            raise DataError(
                explain(
                    str(root / name),
                    "at least one image of this class",
                    "none",
                    f"Add images ({', '.join(_SUFFIXES)}) or remove the folder.",
                )
            )
        files += [(path, label) for path in found]
    if not files:
        loose = sum(entry.suffix.lower() in _SUFFIXES for entry in root.glob("*"))
        raise DataError(
            explain(
                str(root),
                "a sub-folder of images for each class, or IDX files",
                f"{loose} images and no sub-folder" if loose else "none of these",
                "Move the images of each class into a sub-folder of its own, such as "
                f"{root.name}/cat and {root.name}/dog.",
            )
        )
    return files


def _form(root: Path, files: Files, image_size: int | None) -> tuple[tuple[int, int], int]:
    """Return height and width, and the number of channels, from the headers of all files."""
    channels = 1
    sizes: dict[tuple[int, int], Path] = {}
    for path, _ in files:
        with _opened(path) as image:
            sizes.setdefault((image.height, image.width), path)
            if image.mode not in _GREY:
                channels = 3
    if image_size is not None:
        return (image_size, image_size), channels
    if len(sizes) > 1:
        (one, path), (other, other_path), *_ = sizes.items()
        raise DataError(
            explain(
                str(root),
                "images of one size",
                f"{one[1]}x{one[0]} in {path.name} and {other[1]}x{other[0]} in {other_path.name}",
                "Say which size to use: --image-size 32, for example.",
            )
        )
    return next(iter(sizes)), channels


def _read(files: Files, size: tuple[int, int], channels: int, resize: bool) -> ImageSet:
    images = torch.empty(len(files), channels, *size, dtype=torch.uint8)
    labels = torch.tensor([label for _, label in files])
    for row, (path, _) in enumerate(files):
        images[row] = _pixels(path, size, channels, resize)
    return ImageSet(images, labels)


def _pixels(path: Path, size: tuple[int, int], channels: int, resize: bool) -> Tensor:
    with _opened(path) as image:
        pixels = np.array(image.convert("L" if channels == 1 else "RGB"))
    tensor = torch.from_numpy(pixels).reshape(*pixels.shape[:2], channels).permute(2, 0, 1)
    if tensor.shape[1:] == size:
        return tensor
    if not resize:
        raise DataError(
            explain(
                str(path),
                f"{size[1]}x{size[0]} pixels, as in training",
                f"{tensor.shape[2]}x{tensor.shape[1]}",
                "Say which size to use: --image-size 32, for example.",
            )
        )
    return ImageSet(tensor[None], torch.zeros(1, dtype=torch.int64)).resized(size[0]).images[0]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image file; whatever goes wrong while it is read names the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on odd metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as image:
                if image.mode not in (*_GREY, *_COLOUR):
                    raise ValueError(f"pixels of kind {image.mode}")
                yield image
    except Exception as cause:  # Pillow's decoders raise a dozen kinds on torn files
        reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else cause
        if isinstance(cause, UnidentifiedImageError):
            reason = "no image"  # whatever its name says
        raise DataError(
            explain(
                str(path),
                "a whole image of 8 bits a channel",
                str(reason).splitlines()[0] if str(reason) else type(cause).__name__,
                "Convert, replace or remove the file.",
            )
        ) from cause
