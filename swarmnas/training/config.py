"""What a training needs to know beside its genotype and its protocol."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from swarmnas import documents

__all__ = ["TrainingConfig"]


class TrainingConfig(BaseModel):
    """The settings of a training that are no protocol's business; each is a flag too."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str = Field(
        "digits", description="A name (`swarmnas list datasets`), an .npz file or a folder."
    )
    seed: int = Field(0, ge=0, description="One seed for everything random.")
    data_dir: Path | None = Field(None, description="Where torchvision keeps its data sets.")
    download: bool = Field(False, description="Let torchvision download a missing data set.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where tensors live.")
    threads: int | None = Field(
        None, ge=1, le=1024, description="CPU threads; torch's own choice if unset."
    )
    checkpoint_minutes: float = Field(
        10.0, ge=0, description="Save within an epoch too, so often; 0 saves after every step."
    )

    @classmethod
    def from_mapping(
        cls, settings: Mapping[str, Any], *, source: str = "settings"
    ) -> TrainingConfig:
        """Return the validated settings; errors name ``source`` and the key.

        Raises:
            DocumentError: An unknown key (with the nearest known one) or a value out of range.
        """
        return documents.validate(cls, dict(settings), source=source)

    def to_mapping(self) -> dict[str, Any]:
        """Return the settings as plain data, those that are unset left out."""
        return self.model_dump(mode="json", exclude_none=True)
