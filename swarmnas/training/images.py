"""The images of a training: what a data set and a protocol make of each other."""

from __future__ import annotations

import dataclasses
from enum import IntEnum
from typing import Any

import torch

from swarmnas.checks import explain
from swarmnas.datasets import Batches, Dataset, ImageSet, load
from swarmnas.datasets.images import balanced_subset
from swarmnas.errors import DataError, SettingError
from swarmnas.networks.team import ALONE, Team
from swarmnas.rng import seed_sequence
from swarmnas.training.config import TrainingConfig
from swarmnas.training.protocol import Protocol

__all__ = ["Stream", "test_batches", "training_batches", "training_dataset"]


class Stream(IntEnum):
    """What a random stream of a training is for; its number is part of the stream's name."""

    WEIGHTS = 1
    SPLIT = 2
    BATCHES = 3
    DRAWS = 4


def training_dataset(config: TrainingConfig, protocol: Protocol) -> Dataset:
    """Return the data set, resized and cut down as the protocol says; its statistics are whole.

    Raises:
        DataError: It cannot be had.
        SettingError: It has more classes than the protocol keeps images.
    """
    dataset = load(
        config.dataset,
        image_size=protocol.image_size,
        download=config.download,
        data_dir=config.data_dir,
        augment=protocol.augment,
    )
    few = protocol.train_images
    if few is None or few >= len(dataset.train):
        return dataset
    kept = balanced_subset(dataset.train.labels, few, config.seed)
    return dataclasses.replace(dataset, train=dataset.train.take(kept))


def training_batches(
    dataset: Dataset,
    config: TrainingConfig,
    protocol: Protocol,
    device: torch.device,
    team: Team = ALONE,
) -> tuple[Batches, Batches | None]:
    """Return the batches to train on, and those to validate on if any are held out.

    Each process of a team trains on its share of a batch, and validates on all images.

    Raises:
        DataError: There is no whole batch to train on.
        SettingError: A batch does not hold two images for each process of the team.
    """
    fewest = 2 * team.size  # one image has no variance
    if protocol.batch_size < fewest:
        raise SettingError(
            explain(
                "batch_size",
                f"at least {fewest}, two images for each of {team.size} processes",
                protocol.batch_size,
                "Raise it, or start fewer processes.",
            )
        )
    train, valid = dataset.train, None
    if protocol.valid_share:
        split = seed_sequence(config.seed, Stream.SPLIT)
        train, valid = dataset.split(protocol.valid_share, seed=split)
    if len(train) < protocol.batch_size:
        raise DataError(
            explain(
                "training images",
                f"at least one batch of {protocol.batch_size}",
                len(train),
                "Lower batch_size or use more images.",
            )
        )
    common: dict[str, Any] = {"mean": dataset.mean, "std": dataset.std, "device": device}
    ours = Batches(
        train,
        protocol.batch_size,
        seed=seed_sequence(config.seed, Stream.BATCHES),
        augment=dataset.augment,
        cutout=protocol.cutout,
        colour=protocol.colour,
        drop_last=0 < len(train) % protocol.batch_size < fewest,
        share=(team.rank, team.size),
        **common,
    )
    if valid is None:
        return ours, None
    return ours, Batches(valid, 256, seed=0, shuffle=False, **common)


def test_batches(images: ImageSet, mean: Any, std: Any, device: torch.device) -> Batches:
    """Return images in their order, normalised as those of the training were."""
    return Batches(images, 256, seed=0, shuffle=False, mean=mean, std=std, device=device)
