"""The auxiliary head: a second classifier, in mid-network, that only training uses.

References:
    Szegedy et al., "Going Deeper with Convolutions", CVPR 2015; in the form of Liu, Simonyan and
    Yang, "DARTS", ICLR 2019. Differs from the latter: sides other than 7 and 8 pixels are
    accepted, and pool to the same 2x2.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["AuxiliaryHead"]


class AuxiliaryHead(nn.Module):
    """Pooling to 2x2, two convolutions, a classifier.

    Args:
        channels: Channels of the images.
        num_classes: Logits.
        norm_last: Normalise after the last convolution too; the published ImageNet network does
            not.
    """

    def __init__(self, channels: int, num_classes: int, *, norm_last: bool) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(inplace=True),
            nn.Conv2d(128, 768, 2, bias=False),
            nn.BatchNorm2d(768) if norm_last else nn.Identity(),
            nn.ReLU(inplace=True),
        )
        self.classifier = nn.Linear(768, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, ``(n, num_classes)``, of images ``(n, channels, height, width)``."""
        pooled = pool_to_two(functional.relu(images))
        logits: Tensor = self.classifier(self.features(pooled).flatten(1))
        return logits


def pool_to_two(images: Tensor) -> Tensor:
    """Return averages over 2x2 overlapping windows: 5 pixels wide on sides of 7 and 8.

    Example:
        >>> import torch
        >>> pool_to_two(torch.arange(4.0).expand(1, 1, 4, 4)).flatten().tolist()
        [1.0, 2.0, 1.0, 2.0]
    """
    height, width = images.shape[2:]
    if min(height, width) < 4:
        return functional.adaptive_avg_pool2d(images, 2)
    window = ((height + 3) // 2, (width + 3) // 2)
    return functional.avg_pool2d(images, window, (height - window[0], width - window[1]))
