"""What a terminal shows while a search or a training runs; piped output gets plain lines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from swarmnas.runs import Callback
from swarmnas_cli.interrupts import interruptible

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
    view = None if quiet else _Screen(console) if console.is_terminal else _Lines()
    with (
        interruptible("epoch", then=f"Continue with: swarmnas {command} --resume {path}") as stop,
        view.live if isinstance(view, _Screen) else contextlib.nullcontext(),
    ):
        yield [stop] if view is None else [view, stop]


def _text(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


class _Lines(Callback):
    """One line an epoch, one a decision that changes something."""

    def __init__(self) -> None:
        self._phase: str | None = None

    def on_record(self, record: Mapping[str, Any]) -> None:
        if record["kind"] == "epoch":
            readings = [
                f"{key} {_text(record[key])}" for key in READINGS if record.get(key) is not None
            ]
            words = ("epoch", record["epoch"], record.get("phase"))
            head = " ".join(str(word) for word in words if word is not None)
            typer.echo(f"{head}: {', '.join(readings)}")
        elif (
            record["kind"] == "divergence"
            or record["stop"]
            or record["phase"] != self._phase
            or record["actions"]
        ):
            self._phase = record["phase"]
            typer.echo(f"-> {record['reason']}")


class _Screen(Callback):
    """Phase, epoch, readings, decisions and time left, redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._readings: dict[str, Any] = {}
        self._events: list[str] = []
        self._phase = ""
        self._began: tuple[int, float] | None = None
        self._bar = Progress(
            TextColumn("[bold]{task.fields[phase]}"),
            BarColumn(),
            TextColumn("epoch {task.fields[epoch]} of {task.fields[epochs]}"),
            TextColumn("{task.fields[left]}"),
            console=console,
            auto_refresh=False,
        )
        self._task = self._bar.add_task("search", total=1, phase="", epoch=0, epochs="?", left="")
        self.live = Live(self._drawn(), console=console, refresh_per_second=4)

    def _drawn(self) -> Group:
        table = Table(box=None, show_header=False, pad_edge=False)
        for key, title in READINGS.items():
            if self._readings.get(key) is not None:
                table.add_row(title, _text(self._readings[key]))
        return Group(*self._events, self._bar, table)

    def on_step(self, progress: Mapping[str, Any]) -> None:
        done = progress["epoch"] - 1 + progress["step"] / progress["steps"]
        if self._began is None:
            self._began = (progress["epoch"] - 1, progress["seconds"])
        here, then = self._began
        pace = (progress["seconds"] - then) / max(done - here, 1e-9)
        left = max(progress["epochs"] - done, 0.0) * pace
        self._bar.update(
            self._task,
            completed=done,
            total=max(progress["epochs"], progress["epoch"]),
            phase=progress["phase"],
            epoch=progress["epoch"],
            epochs=progress["epochs"],
            left=f"at most {int(left // 60)}:{int(left % 60):02d} left",
        )
        self.live.update(self._drawn())

    def on_record(self, record: Mapping[str, Any]) -> None:
        if record["kind"] == "epoch":
            self._readings = dict(record)
        elif record["kind"] == "divergence" or record["stop"] or record["phase"] != self._phase:
            self._phase = record["phase"]
            self._events.append(f"epoch {record['epoch']}: {record['reason']}")
        self.live.update(self._drawn())
