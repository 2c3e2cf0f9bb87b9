"""Random changes that suit photographs: parts are enlarged, colours shift."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["coloured", "enlarged", "random_boxes"]

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Integers = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def random_boxes(rng: np.random.Generator, count: int, aspect: float) -> Floats:
    """Draw parts of images: 8 to 100 % of the area, 3:4 to 4:3 wide.

    Args:
        rng: Decides.
        count: How many.
        aspect: Height of the images over their width.

    Returns:
        ``(count, 4)`` top, left, height and width, as shares of the image's.

    References:
        Szegedy et al., "Going Deeper with Convolutions", CVPR 2015; torchvision's
        ``RandomResizedCrop``. Differs: boxes do not end at whole pixels; where ten draws do not
        fit, the box is the whole image.
    """
    area = rng.uniform(0.08, 1, (count, 10))
    ratio = np.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3), (count, 10))) * aspect
    sides = np.sqrt(np.stack([area / ratio, area * ratio], axis=2))
    fits = np.all(sides <= 1, axis=2)
    first = fits.argmax(axis=1)
    size = np.where(fits.any(axis=1)[:, None], sides[np.arange(count), first], 1.0)
    return np.concatenate([rng.random((count, 2)) * (1 - size), size], axis=1)


def enlarged(images: Tensor, boxes: Tensor, mirrored: Tensor) -> Tensor:
    """Enlarge a part of each image to the size of the whole (bilinear), all of them at once.

    Args:
        images: ``(B, C, H, W)``, uint8.
        boxes: ``(B, 4)``, as :func:`random_boxes` gives them.
        mirrored: ``(B,)``, bool; these are mirrored left to right.

    Returns:
        ``(B, C, H, W)``, uint8.

    Example:
        >>> image = torch.tensor([[[[0, 0, 8, 8], [0, 0, 8, 8]]]], dtype=torch.uint8)
        >>> left = torch.tensor([[0.0, 0.0, 1.0, 0.5]])
        >>> enlarged(image, left, torch.tensor([False]))[0, 0, 0].tolist()
        [0, 0, 0, 2]
    """
    top, left, high, wide = boxes.float().unbind(1)
    zero = torch.zeros_like(top)
    across = torch.where(mirrored, -wide, wide)
    rows = torch.stack([across, zero, 2 * left + wide - 1, zero, high, 2 * top + high - 1], dim=1)
    grid = functional.affine_grid(rows.view(-1, 2, 3), list(images.shape), align_corners=False)
    found = functional.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return found.round_().to(torch.uint8)


def coloured(images: Tensor, strengths: Floats, turns: Integers) -> Tensor:
    """Change the colours of each image, one after another: torchvision takes one factor a call.

    Args:
        images: ``(B, C, H, W)``, uint8.
        strengths: ``(B, 4)``, of brightness, contrast and saturation, each from -1 to 1 and added
            to a factor of 1, and twice the shift of the hue.
        turns: ``(B, 4)``, in which order the four are done.
    """
    from torchvision.transforms.v2 import functional as colours  # takes seconds

    changes = (
        lambda image, by: colours.adjust_brightness(image, 1 + by),
        lambda image, by: colours.adjust_contrast(image, 1 + by),
        lambda image, by: colours.adjust_saturation(image, 1 + by),
        lambda image, by: colours.adjust_hue(image, by / 2),
    )
    done = []
    for image, by, order in zip(images, strengths, turns, strict=True):
        for change in order:
            image = changes[change](image, float(by[change]))
        done.append(image)
    return torch.stack(done)
