"""Protocols: how a network is built and trained, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from swarmnas import documents
from swarmnas.checks import explain, unknown_name
from swarmnas.errors import SettingError, UnknownNameError
from swarmnas.registry import Registry
from swarmnas.spaces import Space

__all__ = ["Protocol", "load_protocol", "protocols", "read_protocol"]


class Protocol(BaseModel):
    """What decides a training beside genotype, images and seed; each key is a flag too.

    Example:
        >>> protocol = load_protocol("darts-cifar")
        >>> protocol.epochs, protocol.learning_rate_of(1), protocol.learning_rate_of(301)
        (600, 0.025, 0.0125)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cells: dict[str, Annotated[int, Field(ge=1, le=1000)]] = Field(
        default_factory=dict,
        description="Cells in all (darts-stack) or a stage (residual-stages), by layout; "
        "genotypes of other layouts are refused.",
    )
    channels: int = Field(16, ge=1, le=10**5, description="Channels of the first cells.")
    auxiliary: float = Field(
        0.0, ge=0, description="Weight of a second classifier's loss in mid-network."
    )
    drop_path: float = Field(
        0.0, ge=0, lt=1, description="Share of paths left out by the end; grows with the epochs."
    )

    epochs: int = Field(ge=1, description="How often to go through the training images.")
    batch_size: int = Field(ge=2, description="Images a step.")
    image_size: int | None = Field(None, ge=4, description="Resize images to this many pixels.")
    train_images: int | None = Field(
        None, ge=1, description="Use at most so many training images, all classes alike."
    )
    valid_share: float = Field(
        0.0, ge=0, lt=1, description="Share of the training images held out for validation."
    )
    augment: Literal["none", "crop", "crop+flip", "resized-crop+flip"] | None = Field(
        None, description="Random changes of training images; the data set's own if unset."
    )
    colour: float = Field(
        0.0, ge=0, le=1, description="Share by which colours of training images change at most."
    )
    cutout: int = Field(0, ge=0, description="Side of the square blanked in each training image.")

    learning_rate: float = Field(gt=0, description="At the start, after the warm-up.")
    schedule: Literal["cosine", "linear"] = Field(
        "cosine", description="How the rate falls to 0; it changes between epochs."
    )
    warmup_epochs: int = Field(0, ge=0, description="Epochs in which the rate rises.")
    momentum: float = Field(0.9, ge=0, lt=1, description="Of the gradients.")
    nesterov: bool = Field(True, description="Nesterov's form of the momentum.")
    weight_decay: float = Field(5e-4, ge=0, description="Of every weight.")
    gradient_clip: float | None = Field(None, gt=0, description="Largest norm of the gradient.")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Share of each label spread over all classes."
    )
    average: float | None = Field(
        None, gt=0, lt=1, description="Decay of a running average of the weights, kept in the end."
    )

    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="Of the network's arithmetic (autocast); weights stay float32."
    )
    compile: bool = Field(False, description="Compile the network with torch.compile.")

    @classmethod
    def from_mapping(
        cls, settings: Mapping[str, Any], *, source: str = "protocol", text: str | None = None
    ) -> Protocol:
        """Return the validated settings; errors name ``source``, the key and, in TOML, the line.

        Raises:
            DocumentError: An unknown key (with the nearest known one) or a value out of range.
        """
        return documents.validate(cls, settings, source=source, text=text)

    def to_mapping(self) -> dict[str, Any]:
        """Return the settings as plain data, those that are unset left out."""
        return self.model_dump(mode="json", exclude_none=True)

    def with_settings(self, settings: Mapping[str, Any], *, source: str = "protocol") -> Protocol:
        """Return the protocol with other values; a plain number of cells counts for each layout.

        Raises:
            DocumentError: As :meth:`from_mapping`.
        """
        changed = dict(settings)
        if isinstance(changed.get("cells"), int):
            changed["cells"] = dict.fromkeys(self.cells, changed["cells"])
        return self.from_mapping(self.to_mapping() | changed, source=source)

    def cells_for(self, space: Space) -> int:
        """Return how many cells a network of this space has.

        Raises:
            SettingError: The protocol does not train networks of its layout.
        """
        if space.layout not in self.cells:
            raise SettingError(
                explain(
                    "genotype",
                    f"one whose layout the protocol trains ({', '.join(self.cells) or 'none'})",
                    f"the space {space.name!r} with layout {space.layout!r}",
                    "Choose another protocol: swarmnas list protocols.",
                )
            )
        return self.cells[space.layout]

    def learning_rate_of(self, epoch: int) -> float:
        """Return the rate of an epoch, counted from 1.

        The linear fall ends in five epochs of a smaller slope, and a warm-up scales the epochs
        that it covers, as in the release of PC-DARTS.
        """
        done = epoch - 1
        if self.schedule == "cosine":
            share = 0.5 * (1 + math.cos(math.pi * done / self.epochs))
        else:
            tail = min(5, self.epochs // 10)
            left = self.epochs - done
            most = self.epochs - tail
            share = (left - tail) / most if left > tail else left / (most * tail)
        warm = min(1.0, epoch / self.warmup_epochs) if self.warmup_epochs else 1.0
        return self.learning_rate * share * warm

    def drop_path_of(self, epoch: int) -> float:
        """Return the share of paths left out in an epoch, counted from 1."""
        return self.drop_path * (epoch - 1) / self.epochs


protocols = Registry[Protocol]("protocol", holds=Protocol)
"""Every protocol by name; packages add theirs (a `Protocol`) through ``swarmnas.protocols``."""

for _name, _summary in (
    ("darts-cifar", "DARTS on CIFAR-10 or CIFAR-100: C=36, 20 cells, 600 epochs."),
    ("darts-imagenet", "DARTS space on ImageNet, 1024 images a batch: C=48, 14 cells, 250 epochs."),
    ("nasbench201", "NAS-Bench-201: C=16, 5 cells a stage, 200 epochs."),
    ("nasbench201-12", "NAS-Bench-201's short training: 12 epochs."),
    ("quick", "A proxy: about a minute on one CPU core."),
):
    protocols.add(_name, f"swarmnas.training.presets:{_name}", summary=_summary)


def load_protocol(name_or_path: str | Path) -> Protocol:
    """Return a protocol by its registered name, or from a TOML file.

    Raises:
        UnknownNameError: Neither a name nor a file.
        DocumentError: The file is no TOML, or has an unknown key or a bad value; names the line.

    Example:
        >>> load_protocol("nasbench201").batch_size
        256
    """
    name = str(name_or_path)
    if name in protocols:
        return protocols.load(name)
    path = Path(name_or_path)
    if path.suffix == ".toml" or path.is_file():
        return read_protocol(path)
    raise UnknownNameError(unknown_name("protocol", name, protocols) + " A path ends in .toml.")


def read_protocol(path: Path) -> Protocol:
    """Return the protocol in a TOML file; raises as :func:`load_protocol`."""
    text = documents.read_text(path)
    settings = documents.parse_toml(text, source=str(path))
    return Protocol.from_mapping(settings, source=str(path), text=text)
