"""The run directory in a process that follows another one, which writes it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swarmnas.runs import RunDirectory

__all__ = ["Follower"]


class Follower(RunDirectory):
    """A run directory that is read, and written by somebody else: writing does nothing."""

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Hold nothing."""
        return contextlib.nullcontext()

    def append(self, record: Mapping[str, Any]) -> None:
        """Leave the record to the writer."""

    def truncate(self, num_records: int) -> None:
        """Leave the history to the writer."""

    def save_checkpoint(
        self,
        step: int,
        arrays: Mapping[str, Any],
        state: Mapping[str, Any],
        *,
        keep: bool = False,
    ) -> None:
        """Leave the checkpoint to the writer."""

    def drop_checkpoints(self, *, before: int) -> None:
        """Leave old checkpoints to the writer."""

    def write_json(self, name: str, value: Any) -> Path:
        """Leave the file to the writer."""
        return self.path / name
