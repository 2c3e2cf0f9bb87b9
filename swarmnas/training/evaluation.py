"""How well a network does on images it is not trained on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from swarmnas.checks import explain
from swarmnas.errors import DataError

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The result of :func:`evaluate`."""

    accuracy: float
    """Share of images whose largest logit is their label's, in [0, 1]."""
    loss: float
    """Mean cross-entropy in nats; NaN if the network's logits are."""
    num_images: int
    """How many images were seen."""


@torch.no_grad()
def evaluate(network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> Evaluation:
    """Return accuracy and loss of a network in evaluation mode; its mode is restored.

    Args:
        network: Maps images to logits ``(n, num_classes)``.
        batches: ``(images, labels)``; images are moved to the network's device.

    Raises:
        DataError: There are no images.

    Example:
        >>> images, labels = torch.eye(3), torch.tensor([0, 1, 1])
        >>> evaluate(nn.Identity(), [(images, labels)]).num_images
        3
    """
    device = next((weights.device for weights in network.parameters()), torch.device("cpu"))
    was_training = network.training
    network.eval()
    total = torch.zeros(2, dtype=torch.float64)  # loss, hits
    num_images = 0
    try:
        for images, labels in batches:
            labels = labels.to(device)
            logits = network(images.to(device))
            loss = functional.cross_entropy(logits, labels, reduction="sum")
            hits = (logits.argmax(1) == labels).sum()
            total += torch.stack([loss.double(), hits.double()]).cpu()
            num_images += len(labels)
    finally:
        network.train(was_training)
    if not num_images:
        raise DataError(explain("batches", "one image or more", "none", "Pass a larger set."))
    loss_sum, hit_sum = total.tolist()
    return Evaluation(
        accuracy=hit_sum / num_images, loss=loss_sum / num_images, num_images=num_images
    )
