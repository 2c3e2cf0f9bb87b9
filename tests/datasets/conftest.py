"""Small data sets, made by hand."""

import numpy as np
import pytest
import torch

from swarmnas.datasets import Dataset, ImageSet


def arrays(per_class=6, num_classes=3, shape=(8, 8, 3), seed=0):
    """Return the four arrays of a ``.npz`` data set."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(num_classes), per_class)
    num_test = 2 * num_classes
    return {
        "x_train": rng.integers(0, 256, (len(labels), *shape), dtype=np.uint8),
        "y_train": labels.astype(np.uint8),
        "x_test": rng.integers(0, 256, (num_test, *shape), dtype=np.uint8),
        "y_test": np.repeat(np.arange(num_classes), 2).astype(np.uint8),
    }


@pytest.fixture
def npz(tmp_path):
    """Return a function that writes a ``.npz`` file; keywords replace or (None) drop arrays."""

    def write(**changes):
        merged = {**arrays(), **changes}
        path = tmp_path / "own.npz"
        np.savez_compressed(path, **{k: v for k, v in merged.items() if v is not None})
        return path

    return write


@pytest.fixture
def make_dataset():
    """Return a function that makes a data set whose test split may not be read."""

    def forbidden():
        raise AssertionError("the test split was read")

    def make(counts, size=8, channels=3):
        labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
        generator = torch.Generator().manual_seed(0)
        images = torch.randint(
            0, 256, (len(labels), channels, size, size), generator=generator, dtype=torch.uint8
        )
        order = torch.randperm(len(labels), generator=generator)
        return Dataset("made", ImageSet(images[order], labels[order]), forbidden)

    return make
