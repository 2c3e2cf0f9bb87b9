"""The digits that scikit-learn brings along: real images, nothing to download."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from swarmnas.datasets.images import Dataset, ImageSet, held_out

__all__ = ["load_digits"]


def load_digits(*, data_dir: Path, download: bool) -> Dataset:
    """Return the digits: 1,442 to train on, 355 to test, 8x8 grey, values 0-16 spread to 0-255.

    The source has no test split; a fifth of each class, always the same, is ours.

    Args:
        data_dir: Not used.
        download: Not used.
    """
    from sklearn import datasets

    pixels, labels = datasets.load_digits(return_X_y=True)
    images = np.rint(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    whole = ImageSet(torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)))
    train, test = held_out(whole.labels, 0.2, seed=0)
    return Dataset("digits", whole.take(train), lambda: whole.take(test), augment="crop")
