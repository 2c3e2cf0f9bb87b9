"""Images from a folder of IDX files, the format of MNIST and its kin."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
import torch

from swarmnas.checks import explain
from swarmnas.datasets.images import Augmentation, Dataset, ImageSet, default_augment
from swarmnas.datasets.npz import refuse_dense
from swarmnas.errors import DataError

__all__ = ["is_idx", "load_idx"]

MAX_BYTES = 8 * 2**30
"""Largest content of a file, unpacked."""


def is_idx(path: Path) -> bool:
    """Tell whether a folder holds training images in IDX form."""
    return any(path.glob("train-images[-.]idx3-ubyte*"))


def load_idx(
    path: Path, *, name: str | None = None, augment: Augmentation | None = None
) -> Dataset:
    """Return the data set in the folder ``path``.

    Its files, each with or without ``.gz``: ``train-images-idx3-ubyte``,
    ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte``, ``t10k-labels-idx1-ubyte`` (a dot
    before "idx" is fine). The test files are not opened until the test split is asked for.

    Raises:
        DataError: A file is missing, torn, or not of this form.
    """
    files = {
        (split, kind): _find(path, f"{split}-{kind}", f"idx{num_dims}-ubyte")
        for split in ("train", "t10k")
        for kind, num_dims in (("images", 3), ("labels", 1))
    }

    def read(split: str) -> ImageSet:
        images = _read(files[split, "images"], num_dims=3)
        labels = _read(files[split, "labels"], num_dims=1)
        if len(labels) != len(images):
            raise DataError(
                explain(
                    str(files[split, "labels"]),
                    f"{len(images)} labels, one for each image",
                    len(labels),
                    "Put files that belong together into the folder.",
                )
            )
        return ImageSet(
            torch.from_numpy(images)[:, None], torch.from_numpy(labels.astype(np.int64))
        )

    train = read("train")
    return Dataset(
        name or str(path), train, lambda: read("t10k"), augment=augment or default_augment(train)
    )


def _find(folder: Path, stem: str, kind: str) -> Path:
    for separator in "-.":
        for ending in ("", ".gz"):
            path = folder / f"{stem}{separator}{kind}{ending}"
            if path.is_file():
                return path
    raise DataError(
        explain(
            str(folder), f"the file {stem}-{kind} or {stem}-{kind}.gz", "neither", "Add the file."
        )
    )


def _read(path: Path, *, num_dims: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return the content of one IDX file of bytes; the header must account for every byte."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            head = stream.read(4 + 4 * num_dims)
            shape = tuple(np.frombuffer(head[4:], dtype=">u4").tolist())
            if head[:4] != bytes((0, 0, 8, num_dims)) or len(shape) != num_dims or 0 in shape:
                raise ValueError(f"no IDX file of bytes with {num_dims} dimensions")
            size = math.prod(shape)
            if size > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES:,} bytes")
            refuse_dense(size, packed=path.stat().st_size)
            data = stream.read(size + 1)
            if len(data) != size:
                raise ValueError(f"{'less' if len(data) < size else 'more'} than its header says")
    except (OSError, EOFError, zlib.error, ValueError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else cause
        raise DataError(
            explain(str(path), "a whole IDX file", reason, "Copy or download the file again.")
        ) from cause
    return np.frombuffer(bytearray(data), dtype=np.uint8).reshape(shape)
