"""How well a network does on images it is not trained on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from swarmnas.checks import explain
from swarmnas.errors import DataError

__all__ = ["Evaluation", "evaluate", "wilson_interval"]

BINS = 15
"""Equal bins of confidence behind the calibration error."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The result of :func:`evaluate`."""

    accuracy: float
    """Share of images whose largest logit is their label's, in [0, 1]."""
    loss: float
    """Mean cross-entropy in nats; NaN if the network's logits are."""
    num_images: int
    """How many images were seen."""
    calibration_error: float
    """Mean distance of confidence and accuracy over 15 bins of confidence, in [0, 1] (ECE)."""
    confusion: tuple[tuple[int, ...], ...]
    """Images by label (row) and largest logit (column)."""

    @property
    def interval(self) -> tuple[float, float]:
        """Where the accuracy lies at a confidence of 95 %; see :func:`wilson_interval`."""
        return wilson_interval(sum(row[i] for i, row in enumerate(self.confusion)), self.num_images)


def wilson_interval(hits: int, count: int) -> tuple[float, float]:
    """Return the Wilson score interval of a share at a confidence of 95 %.

    Args:
        hits: Successes.
        count: Attempts, >= 1.

    Example:
        >>> [round(bound, 4) for bound in wilson_interval(81, 263)]
        [0.2553, 0.3662]

    References:
        Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 1927.
        Differs from the paper: nothing.
    """
    z = 1.959963984540054  # 97.5 % of the normal distribution
    share, weight = hits / count, z * z / count
    middle = (share + weight / 2) / (1 + weight)
    reach = z * math.sqrt(share * (1 - share) / count + weight / (4 * count)) / (1 + weight)
    return middle - reach, middle + reach


@torch.no_grad()
def evaluate(network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> Evaluation:
    """Return how a network does in evaluation mode; its mode is restored.

    Args:
        network: Maps images to logits ``(n, num_classes)``.
        batches: ``(images, labels)``; images are moved to the network's device.

    Raises:
        DataError: There are no images, or a label is beyond the network's classes.

    Example:
        >>> images, labels = torch.eye(3), torch.tensor([0, 1, 1])
        >>> evaluate(nn.Identity(), [(images, labels)]).confusion
        ((1, 0, 0), (0, 1, 1), (0, 0, 0))

    References:
        Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, eq. 5. Differs from the
        paper: nothing.
    """
    device = next((weights.device for weights in network.parameters()), torch.device("cpu"))
    was_training = network.training
    network.eval()
    loss = 0.0
    confusion = torch.zeros(0, 0, dtype=torch.int64)
    bins = torch.zeros(3, BINS, dtype=torch.float64)  # images, hits, confidence
    try:
        for images, labels in batches:
            labels = labels.to(device)
            logits = network(images.to(device)).float()
            classes = logits.shape[1]
            if int(labels.max()) >= classes:
                raise DataError(
                    explain(
                        "labels",
                        f"classes 0 to {classes - 1}, those of the network",
                        int(labels.max()),
                        "Evaluate it on images of the classes that it was trained on.",
                    )
                )
            loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
            confidence, answers = logits.softmax(1).nan_to_num().max(1)
            pairs = torch.bincount(labels * classes + answers, minlength=classes * classes)
            confusion = pairs.view(classes, classes).cpu() + (confusion if len(confusion) else 0)
            at = (confidence * BINS).ceil().long().sub(1).clamp(0, BINS - 1).cpu()
            ones = torch.ones_like(confidence)
            for row, values in enumerate((ones, answers == labels, confidence)):
                bins[row].index_add_(0, at, values.double().cpu())
    finally:
        network.train(was_training)
    num_images = int(confusion.sum())
    if not num_images:
        raise DataError(explain("batches", "one image or more", "none", "Pass a larger set."))
    return Evaluation(
        accuracy=int(confusion.trace()) / num_images,
        loss=loss / num_images,
        num_images=num_images,
        calibration_error=float((bins[1] - bins[2]).abs().sum()) / num_images,
        confusion=tuple(map(tuple, confusion.tolist())),
    )
