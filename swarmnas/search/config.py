"""Everything that determines a search, as one validated, immutable record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from swarmnas import documents
from swarmnas.errors import RunError
from swarmnas.runs import RunDirectory

__all__ = ["SearchConfig", "default_path", "read_config", "recorded_config"]


class SearchConfig(BaseModel):
    """The settings of a search; each is a flag of ``swarmnas search`` and a key of its TOML.

    What moves the alphas in which phase (optimizer, population, rates of the alphas) belongs to
    the policy; ``optimizer``, ``population_size`` and ``epochs`` override it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    space: str = Field("nasbench201", description="What may be built; see `swarmnas list spaces`.")
    dataset: str = Field(
        "digits", description="A name (`swarmnas list datasets`), an .npz file or a folder."
    )
    policy: str = Field(
        "g-icso-nas", description="Who moves the alphas when: a name or a TOML file."
    )
    optimizer: str | None = Field(
        None, description="The swarm of every swarm phase, in place of the policy's own."
    )
    seed: int = Field(0, ge=0, description="One seed for everything random.")

    epochs: int | None = Field(
        None, ge=1, description="Length of the search; the policy's epochs scale with it."
    )
    population_size: int | None = Field(
        None, ge=2, le=10**6, description="Particles, in place of the policy's own number."
    )

    image_size: int | None = Field(None, ge=4, description="Resize images to this many pixels.")
    train_images: int | None = Field(
        None, ge=1, description="Use a class-balanced subset of the training images."
    )
    augment: Literal["none", "crop", "crop+flip"] | None = Field(
        None, description="Random changes of training images; the data set's own if unset."
    )
    valid_share: float = Field(
        0.5, gt=0, lt=1, description="Share of the training images that steers the alphas."
    )
    valid_images: int = Field(
        2048, ge=1, description="Validation images behind the figures of each epoch, at most."
    )
    num_classes: int | None = Field(
        None, ge=2, description="Only with data loaders of your own; else the data set knows."
    )
    data_dir: Path | None = Field(None, description="Where torchvision keeps its data sets.")
    download: bool = Field(False, description="Let torchvision download a missing data set.")

    channels: int = Field(8, ge=1, le=10**5, description="Channels of the supernet's first stage.")
    cells: int = Field(
        1, ge=1, le=1000, description="Cells a stage (nasbench201) or in all (darts)."
    )
    partial_channels: int = Field(
        1, ge=1, description="Operations work on one of so many shares of the channels (PC-DARTS)."
    )
    auxiliary_skip: bool = Field(
        False, description="Add to every edge a skip connection that fades out (DARTS-)."
    )
    drop_path: float = Field(
        0.0, ge=0, lt=1, description="Share of paths left out by the end; grows with the epochs."
    )
    batch_size: int = Field(64, ge=2, description="Images a step, training and validation.")
    learning_rate: float = Field(0.025, gt=0, description="Of the weights, at the start.")
    learning_rate_end: float = Field(
        0.001, ge=0, description="Of the weights, at the end (cosine)."
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="Of the weights.")
    weight_decay: float = Field(5e-4, ge=0, description="Of the weights.")
    gradient_clip: float = Field(5.0, gt=0, description="Largest norm of the weights' gradient.")
    rate_halvings: int = Field(
        3, ge=0, description="How often a loss that is no number halves the weights' rate, at most."
    )
    candidates: int = Field(
        0,
        ge=0,
        le=1000,
        description="Train the genotype found and others near it, so many in all; the best wins.",
    )
    candidate_epochs: float = Field(
        1.0,
        gt=0,
        le=10**6,
        allow_inf_nan=False,
        description="Length of each of these trainings; the best few run thrice that.",
    )
    candidate_batch_size: int | None = Field(
        None, ge=2, description="Images a step of these trainings; the search's batches, in pieces."
    )
    candidate_size_bonus: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="Nats off their loss for each e-fold of parameters: small networks learn fast.",
    )
    bound: float | None = Field(
        None, gt=0, description="Alphas live in a box of +- this; the adapter's default if unset."
    )

    max_parameters: int | None = Field(
        None, ge=1, description="Most parameters of the network that the answer gives."
    )
    max_flops: int | None = Field(
        None, ge=1, description="Most multiply-adds an image of that network."
    )
    network_channels: int | None = Field(
        None, ge=1, le=10**5, description="Channels of that network; the supernet's if unset."
    )
    network_cells: int | None = Field(
        None, ge=1, le=1000, description="Cells of that network; the supernet's if unset."
    )

    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where tensors live.")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="Of the supernet's arithmetic (autocast); weights stay float32."
    )
    compile: bool = Field(
        False, description="Compile the steps that train the supernet's weights (torch.compile)."
    )
    threads: int | None = Field(
        None, ge=1, le=1024, description="CPU threads; torch's own choice if unset."
    )

    @classmethod
    def from_mapping(
        cls, settings: Mapping[str, Any], *, source: str = "settings", text: str | None = None
    ) -> SearchConfig:
        """Return the validated settings; errors name ``source``, the key and, in TOML, the line.

        Raises:
            DocumentError: An unknown key (with the nearest known one) or a value out of range.
        """
        return documents.validate(cls, settings, source=source, text=text)

    def to_mapping(self) -> dict[str, Any]:
        """Return the settings as plain data, those that are unset left out."""
        return self.model_dump(mode="json", exclude_none=True)


def read_config(path: Path | str) -> dict[str, Any]:
    """Read a TOML file of search settings and return those it sets, validated.

    Raises:
        DocumentError: Unreadable, no TOML, an unknown key or a bad value; names file and line.
    """
    text = documents.read_text(path)
    settings = documents.parse_toml(text, source=str(path))
    if "run" in settings and isinstance(settings.get("search"), dict):
        settings = settings["search"]  # the config.toml of a run
    SearchConfig.from_mapping(settings, source=str(path), text=text)
    return settings


def recorded_config(run: RunDirectory) -> SearchConfig:
    """Return the settings of a search on disk whose images can be read again.

    Raises:
        RunError: It used loaders of its caller's own, which no run holds.
        DocumentError: The settings were altered.
    """
    source = str(run.path / "config.toml")
    config = SearchConfig.from_mapping(run.config["search"], source=source)
    if config.num_classes is not None:
        raise RunError(
            f"{run.path}: expected the search of a data set; got one with loaders of its caller's "
            "own, which no run holds. Use its genotype.json with code of your own."
        )
    return config


def default_path(config: SearchConfig) -> Path:
    """Return where a run is written if nobody says where."""
    parts = (config.space, Path(config.dataset).stem, Path(config.policy).stem)
    return Path("runs") / "-".join((*parts, f"seed{config.seed}"))
