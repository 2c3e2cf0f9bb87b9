"""Batches from memory: shuffled, augmented and normalised a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from swarmnas.checks import as_float, as_int, explain, one_of
from swarmnas.datasets.images import AUGMENTATIONS, STREAM, Augmentation, ImageSet
from swarmnas.datasets.photographs import coloured, enlarged, random_boxes
from swarmnas.errors import SettingError
from swarmnas.rng import Seed, generator, seed_sequence

__all__ = ["Batches"]

_EPOCH = 3


class Batches:
    """An iterable over normalised batches that can be gone through again and again.

    Order and augmentation depend on the seed and the epoch alone: going through twice without
    :meth:`set_epoch` in between gives the same batches twice.

    Args:
        image_set: The images; they are kept on ``device`` as bytes.
        batch_size: Images in a batch, >= 1; the last may have fewer.
        seed: Decides order and augmentation.
        mean: Of each channel, on the scale 0 to 1; subtracted.
        std: Of each channel, on the scale 0 to 1, > 0; divided by.
        augment: Of :class:`~swarmnas.datasets.Dataset`; leave "none" to evaluate.
        cutout: Side of a square, its centre anywhere, that is blanked in each image (DeVries and
            Taylor, arXiv 1708.04552); 0 blanks nothing.
        colour: Brightness, contrast and saturation of each image change by at most this share,
            its hue by at most half of it of the circle, in any order; in [0, 1].
        shuffle: New order each epoch; else the order of ``image_set``.
        drop_last: Leave out a last batch that is not full.
        share: ``(number, count)``; of each batch only every ``count``-th image from the
            ``number``-th on, as one of several processes takes it.
        device: Where the batches are made.

    Raises:
        SettingError: A setting is out of range, or there would be no batch.

    Example:
        >>> images = torch.full((10, 1, 8, 8), 255, dtype=torch.uint8)
        >>> few = ImageSet(images, torch.arange(10))
        >>> batches = Batches(few, 4, seed=0, mean=(0.5,), std=(0.25,))
        >>> [(tuple(images.shape), images.max().item()) for images, labels in batches]
        [((4, 1, 8, 8), 2.0), ((4, 1, 8, 8), 2.0), ((2, 1, 8, 8), 2.0)]
    """

    def __init__(
        self,
        image_set: ImageSet,
        batch_size: int,
        *,
        seed: Seed,
        mean: Sequence[float],
        std: Sequence[float],
        augment: Augmentation = "none",
        cutout: int = 0,
        colour: float = 0.0,
        shuffle: bool = True,
        drop_last: bool = False,
        share: tuple[int, int] = (0, 1),
        device: torch.device | str = "cpu",
    ) -> None:
        num_channels = image_set.images.shape[1]
        for where, values in (("mean", mean), ("std", std)):
            if len(values) != num_channels or not np.isfinite(values).all():
                raise SettingError(
                    explain(
                        where,
                        f"{num_channels} finite numbers, one for each channel",
                        values,
                        f"Use the data set's {where}.",
                    )
                )
        if min(std) <= 0:
            raise SettingError(explain("std", "numbers > 0", std, "Use the data set's std."))
        self._batch_size = as_int("batch_size", batch_size, low=1)
        if drop_last and batch_size > len(image_set):
            raise SettingError(
                explain(
                    "batch_size",
                    f"at most {len(image_set)}, the number of images, as drop_last is set",
                    batch_size,
                    "Use smaller batches.",
                )
            )
        self._augment = one_of("augment", augment, AUGMENTATIONS)
        self._cutout = as_int("cutout", cutout, low=0)
        self._colour = as_float("colour", colour, low=0, high=1)
        self._seed = seed_sequence(seed)
        self._shuffle = shuffle
        self._drop_last = drop_last
        self._share = slice(share[0], None, share[1])
        self._device = torch.device(device)
        self._images = image_set.images.to(self._device)
        self._labels = image_set.labels.to(self._device)
        channels = (1, num_channels, 1, 1)
        self._shift = 255 * torch.tensor(tuple(mean), device=self._device).reshape(channels)
        self._scale = 1 / (255 * torch.tensor(tuple(std), device=self._device).reshape(channels))
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order and the augmentation of ``epoch`` (>= 0) from now on."""
        self._epoch = as_int("epoch", epoch, low=0)

    def __len__(self) -> int:
        whole, rest = divmod(len(self._images), self._batch_size)
        return whole + (rest > 0 and not self._drop_last)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield ``(B, C, H, W)`` float32 images and ``(B,)`` int64 labels."""
        num_images, _, height, width = self._images.shape
        rng = generator(self._seed, STREAM, _EPOCH, self._epoch)
        order = self._on_device(rng.permutation(num_images))
        if not self._shuffle:
            order = torch.arange(num_images, device=self._device)
        padding = (height // 8, width // 8)
        shifts = self._on_device(rng.integers(0, 2 * np.array(padding) + 1, (num_images, 2)))
        mirrored = self._on_device(rng.random(num_images) < 0.5)
        if not self._augment.endswith("flip"):
            mirrored = torch.zeros_like(mirrored)
        if self._cutout:
            centres = self._on_device(rng.integers(0, (height, width), (num_images, 2)))
        if self._augment == "resized-crop+flip":
            boxes = self._on_device(random_boxes(rng, num_images, height / width))
        if self._colour:
            strengths = rng.uniform(-self._colour, self._colour, (num_images, 4))
            turns = rng.permuted(np.tile(np.arange(4), (num_images, 1)), axis=1)
        for at in range(0, len(self) * self._batch_size, self._batch_size):
            chosen = order[at : at + self._batch_size][self._share]
            images = self._images[chosen]
            if self._augment == "resized-crop+flip":
                images = enlarged(images, boxes[chosen], mirrored[chosen])
            elif self._augment != "none":
                images = shifted(images, padding, shifts[chosen], mirrored[chosen])
            if self._colour:
                rows = chosen.numpy(force=True)
                images = coloured(images, strengths[rows], turns[rows])
            images = (images.float() - self._shift) * self._scale
            if self._cutout:
                images = images * outside(centres[chosen], self._cutout, height, width)
            yield images, self._labels[chosen]

    def _on_device(self, values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Tensor:
        return torch.from_numpy(values).to(self._device)


def shifted(images: Tensor, padding: tuple[int, int], shifts: Tensor, mirrored: Tensor) -> Tensor:
    """Cut each image out of its zero-padded self, in one gather for all of them.

    Args:
        images: ``(B, C, H, W)``.
        padding: Rows above and below, columns left and right.
        shifts: ``(B, 2)``, row and column of the cut in the padded image, 0 to twice ``padding``.
        mirrored: ``(B,)``, bool; these cuts are mirrored left to right.

    Returns:
        ``(B, C, H, W)``, a copy.
    """
    num_images, channels, height, width = images.shape
    rows, columns = padding
    padded = functional.pad(images, (columns, columns, rows, rows)).flatten(2)
    row = torch.arange(height, device=images.device) + shifts[:, :1]
    column = torch.arange(width, device=images.device)
    column = torch.where(mirrored[:, None], width - 1 - column, column) + shifts[:, 1:]
    pixel = row[:, :, None] * (width + 2 * columns) + column[:, None, :]
    pixel = pixel.reshape(num_images, 1, -1).expand(-1, channels, -1)
    return padded.gather(2, pixel).reshape(images.shape)


def outside(centres: Tensor, side: int, height: int, width: int) -> Tensor:
    """Return 0 in a square around each centre, where it lies within the image, and 1 elsewhere.

    Args:
        centres: ``(B, 2)``, row and column.
        side: Of the square; an odd one counts as the next smaller.
        height: Of the images.
        width: Of the images.

    Returns:
        ``(B, 1, height, width)``, bool.

    Example:
        >>> outside(torch.tensor([[0, 2]]), 2, 2, 4).long().tolist()
        [[[[1, 0, 0, 1], [1, 1, 1, 1]]]]
    """
    hidden = []
    for axis, size in enumerate((height, width)):
        past = torch.arange(size, device=centres.device) - centres[:, axis, None] + side // 2
        hidden.append((past >= 0) & (past < side // 2 * 2))
    return ~(hidden[0][:, :, None] & hidden[1][:, None, :])[:, None]
