"""What a terminal shows while a search runs; piped output gets plain lines."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from swarmnas.runs import Callback
from swarmnas.search import SearchConfig, default_path
from swarmnas_cli.screen import Screen, changes_course

READINGS = {
    "train_loss": "training loss",
    "valid_loss": "validation loss",
    "valid_accuracy": "validation accuracy",
    "diversity": "swarm diversity",
    "entropy": "entropy of the alphas",
    "genotype": "genotype",
}
"""Key of an epoch's record -> how it is called on the screen."""


@contextlib.contextmanager
def watching(
    out: Path | None, *, quiet: bool, config: SearchConfig | None = None
) -> Iterator[list[Callback]]:
    """Give the callbacks that show a search; Ctrl-C ends with how to go on."""
    path = out if out is not None or config is None else default_path(config)
    console = Console()
    view = None if quiet else Screen(console, READINGS) if console.is_terminal else Lines()
    try:
        with view.live if isinstance(view, Screen) else contextlib.nullcontext():
            yield [] if view is None else [view]
    except KeyboardInterrupt:
        typer.echo(f"Interrupted. Continue with: swarmnas search --resume {path}", err=True)
        sys.exit(130)


def _text(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


class Lines(Callback):
    """One line an epoch, one a decision that changes something."""

    def __init__(self) -> None:
        self._phase: str | None = None

    def on_record(self, record: Mapping[str, Any]) -> None:
        if record["kind"] == "epoch":
            readings = [
                f"{key} {_text(record[key])}" for key in READINGS if record.get(key) is not None
            ]
            typer.echo(f"epoch {record['epoch']} {record['phase']}: {', '.join(readings)}")
        elif changes_course(record, self._phase):
            self._phase = record["phase"]
            typer.echo(f"-> {record['reason']}")
