"""What a terminal shows while a search or a training runs; piped output gets plain lines."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from swarmnas.runs import Callback
from swarmnas_cli.interrupts import interruptible
from swarmnas_cli.screen import Screen, changes_course

READINGS = {
    "train_loss": "training loss",
    "train_accuracy": "training accuracy",
    "valid_loss": "validation loss",
    "valid_accuracy": "validation accuracy",
    "diversity": "swarm diversity",
    "entropy": "entropy of the alphas",
    "genotype": "genotype",
}
"""Key of an epoch's record -> how it is called on the screen."""


@contextlib.contextmanager
def watching(path: Path, *, quiet: bool, command: str = "search") -> Iterator[list[Callback]]:
    """Give the callbacks that show a run; Ctrl-C ends with how to go on."""
    console = Console()
    view = None if quiet else Screen(console, READINGS) if console.is_terminal else Lines()
    with (
        interruptible("epoch", then=f"Continue with: swarmnas {command} --resume {path}") as stop,
        view.live if isinstance(view, Screen) else contextlib.nullcontext(),
    ):
        yield [stop] if view is None else [view, stop]


def speaks() -> bool:
    """Return whether this process is the one whose output a user wants.

    Of those that ``torchrun`` starts it is the first. That shows in the environment, so that
    nobody waits for torch to be told of a bad setting.
    """
    return "TORCHELASTIC_RUN_ID" not in os.environ or os.environ.get("RANK") == "0"


def _text(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


class Lines(Callback):
    """One line an epoch, one a decision that changes something."""

    def __init__(self) -> None:
        self._phase: str | None = None

    def on_record(self, record: Mapping[str, Any]) -> None:
        """Print an epoch's readings, or a decision that changes something."""
        if record["kind"] == "epoch":
            readings = [
                f"{key} {_text(record[key])}" for key in READINGS if record.get(key) is not None
            ]
            words = ("epoch", record["epoch"], record.get("phase"))
            head = " ".join(str(word) for word in words if word is not None)
            typer.echo(f"{head}: {', '.join(readings)}")
        elif changes_course(record, self._phase):
            self._phase = record["phase"]
            typer.echo(f"-> {record['reason']}")
