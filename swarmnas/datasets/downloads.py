"""Data sets that torchvision fetches; it checks their sums."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import Any

import numpy as np
import torch

from swarmnas.checks import explain
from swarmnas.datasets import idx
from swarmnas.datasets.images import Dataset, ImageSet
from swarmnas.errors import DataError

__all__ = ["load_cifar10", "load_cifar100", "load_fashion_mnist"]


def load_cifar10(*, data_dir: Path, download: bool) -> Dataset:
    """Return CIFAR-10 (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009).

    Args:
        data_dir: Where torchvision keeps its files.
        download: Fetch what is missing (170 MB).
    """
    return _cifar("cifar10", "CIFAR10", data_dir, download)


def load_cifar100(*, data_dir: Path, download: bool) -> Dataset:
    """Return CIFAR-100 with its 100 fine classes; else as :func:`load_cifar10`."""
    return _cifar("cifar100", "CIFAR100", data_dir, download)


def load_fashion_mnist(*, data_dir: Path, download: bool) -> Dataset:
    """Return Fashion-MNIST (Xiao, Rasul and Vollgraf, arXiv 1708.07747).

    torchvision fetches the files and checks their sums; they are then read as any IDX folder.

    Args:
        data_dir: Where torchvision keeps its files.
        download: Fetch what is missing (30 MB).
    """
    if download:
        _torchvision("fashion-mnist", "FashionMNIST", data_dir, train=True, download=True)
    raw = data_dir / "FashionMNIST" / "raw"
    if not idx.is_idx(raw):
        raise DataError(_absent("fashion-mnist", data_dir, "none"))
    return idx.load_idx(raw, name="fashion-mnist", augment="crop+flip")


def _cifar(name: str, kind: str, data_dir: Path, download: bool) -> Dataset:
    def read(train: bool) -> tuple[ImageSet, tuple[str, ...]]:
        found = _torchvision(name, kind, data_dir, train=train, download=download)
        images = torch.from_numpy(found.data).permute(0, 3, 1, 2).contiguous()
        labels = torch.from_numpy(np.asarray(found.targets, dtype=np.int64))
        return ImageSet(images, labels), tuple(found.classes)

    images, class_names = read(train=True)
    return Dataset(
        name,
        images,
        lambda: read(train=False)[0],
        augment="crop+flip",
        class_names=class_names,
    )


def _torchvision(name: str, kind: str, data_dir: Path, *, train: bool, download: bool) -> Any:
    from torchvision import datasets

    try:
        return getattr(datasets, kind)(str(data_dir), train=train, download=download)
    except (RuntimeError, OSError, ValueError, EOFError, http.client.HTTPException) as cause:
        reason = str(cause).split(". ")[0].splitlines()[0] if str(cause) else type(cause).__name__
        raise DataError(_absent(name, data_dir, reason)) from cause


def _absent(name: str, data_dir: Path, got: str) -> str:
    return explain(
        name,
        f"its files, whole, in {data_dir}",
        got.rstrip("."),
        "Fetch them with --download, or name a .npz file or a folder.",
    )
