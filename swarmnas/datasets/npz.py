"""Images from a ``.npz`` file: plain arrays, nothing unpickled."""

from __future__ import annotations

import contextlib
import math
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib import format as npy

from swarmnas.checks import explain
from swarmnas.datasets.images import Dataset, ImageSet, default_augment
from swarmnas.errors import DataError

__all__ = ["load_npz"]

MAX_BYTES = 32 * 2**30
"""Largest array; what a file unpacks to is known, and refused, before it is unpacked."""

MAX_RATIO, MAX_SMALL = 200, 2**28
"""How far an array of more than MAX_SMALL bytes may be packed: images never are that dense."""

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def refuse_dense(num_bytes: int, *, packed: int) -> None:
    """Refuse an array that is packed as no images are.

    Raises:
        ValueError: So many bytes would come out of ``packed`` ones.
    """
    if num_bytes > MAX_SMALL and num_bytes > MAX_RATIO * packed:
        raise ValueError(f"{packed:,} bytes that unpack to {num_bytes:,}")


def load_npz(path: Path) -> Dataset:
    """Return the data set in the file ``path``.

    Its keys: ``x_train``, ``x_test``, uint8, ``(N, H, W)`` or ``(N, H, W, C)`` with at most four
    channels; ``y_train``, ``y_test``, integers, ``(N,)``, classes counted from 0. Colour images
    may be mirrored in augmentation, grey ones (digits, letters) may not. Until the test split is
    asked for, only the headers of its arrays are looked at.

    Raises:
        DataError: The file is missing or torn, or an array is not of this form.
    """
    train_shape = _check_pair(path, "train")
    test_shape = _check_pair(path, "test")
    if test_shape[1:] != train_shape[1:]:
        raise DataError(
            explain(
                f"{path}, x_test",
                f"shape (N, {', '.join(map(str, train_shape[1:]))}), as x_train",
                test_shape,
                "Give both splits one size.",
            )
        )
    train = _read_pair(path, "train")
    return Dataset(
        str(path), train, lambda: _read_pair(path, "test"), augment=default_augment(train)
    )


def _check_pair(path: Path, split: str) -> tuple[int, ...]:
    """Check the headers of a split's images and labels; return the images' shape."""
    shape, dtype = _header(path, f"x_{split}")
    if (
        dtype != np.uint8
        or len(shape) not in (3, 4)
        or 0 in shape
        or not all(channels <= 4 for channels in shape[3:])
    ):
        raise DataError(
            explain(
                f"{path}, x_{split}",
                "uint8 of shape (N, H, W) or (N, H, W, C), C <= 4",
                f"{dtype} of shape {shape}",
                "Convert the images, channels last.",
            )
        )
    labels_shape, labels_dtype = _header(path, f"y_{split}")
    if labels_dtype.kind not in "iu" or labels_shape != shape[:1]:
        raise DataError(
            explain(
                f"{path}, y_{split}",
                f"integers of shape ({shape[0]},), one for each image",
                f"{labels_dtype} of shape {labels_shape}",
                "Convert the labels.",
            )
        )
    return shape


def _read_pair(path: Path, split: str) -> ImageSet:
    labels = _array(path, f"y_{split}")
    if int(labels.min()) < 0 or int(labels.max()) >= len(labels):
        raise DataError(
            explain(
                f"{path}, y_{split}",
                f"labels from 0, below the number of images, {len(labels)}",
                f"{labels.min()} to {labels.max()}",
                "Number the classes from 0.",
            )
        )
    images = torch.from_numpy(_array(path, f"x_{split}"))
    images = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2)
    return ImageSet(images.contiguous(), torch.from_numpy(labels.astype(np.int64)))


def _header(path: Path, key: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype of the array under ``key``; its content is not unpacked."""
    with _member(path, key) as (archive, member), archive.open(member) as stream:
        shape, _, dtype = _HEADERS[npy.read_magic(stream)](stream)
        num_bytes = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or stream.tell() + num_bytes != member.file_size:
            raise ValueError("its header does not fit its content")
        if num_bytes > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES:,} bytes")
        refuse_dense(num_bytes, packed=member.compress_size)
    return tuple(shape), dtype


def _array(path: Path, key: str) -> np.ndarray[Any, Any]:
    _header(path, key)
    with _member(path, key) as (archive, member), archive.open(member) as stream:
        return npy.read_array(stream, allow_pickle=False)


@contextlib.contextmanager
def _member(path: Path, key: str) -> Iterator[tuple[zipfile.ZipFile, zipfile.ZipInfo]]:
    """Open the archive; whatever goes wrong while it is read names file and key."""
    try:
        with warnings.catch_warnings(), zipfile.ZipFile(path) as archive:
            warnings.simplefilter("error")  # NumPy warns of headers that it has to mend
            yield archive, archive.getinfo(f"{key}.npy")
    except KeyError as cause:
        raise DataError(
            explain(
                f"{path}, {key}",
                "the keys x_train, y_train, x_test and y_test, each a plain array",
                f"no readable {key}",
                "Write the file with numpy.savez_compressed.",
            )
        ) from cause
    except Exception as cause:  # zip, deflate and header readers raise a dozen kinds on torn files
        reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else cause
        raise DataError(
            explain(
                f"{path}, {key}",
                "a whole .npz archive of plain arrays",
                str(reason).splitlines()[0] if str(reason) else type(cause).__name__,
                "Copy or write the file again.",
            )
        ) from cause
