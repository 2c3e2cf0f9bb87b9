"""The live view of a terminal: phase, time left, readings with sparklines, the event log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from swarmnas.runs import Callback

__all__ = ["Screen", "sparkline"]

BLOCKS, ASCII_BLOCKS = "▁▂▃▄▅▆▇█", "_.-=*#"
SPARKS = 40
"""Epochs in a sparkline, at most."""
EVENTS = 8
"""Lines of the event log, at most."""


def sparkline(values: list[float], *, blocks: str = BLOCKS) -> str:
    """Return numbers as a row of blocks, the lowest number the lowest block."""
    finite = [value for value in values if abs(value) < float("inf")]  # NaN is no less either
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    step = (high - low) / (len(blocks) - 1) or 1.0
    return "".join(
        blocks[round((value - low) / step)] if value in finite else " " for value in values
    )


class Screen(Callback):
    """Shows a run in place, redrawn as it goes on.

    Args:
        console: Where to.
        readings: Key of an epoch's record -> how it is called.
    """

    def __init__(self, console: Console, readings: Mapping[str, str]) -> None:
        self._titles = readings
        self._blocks = ASCII_BLOCKS if console.options.ascii_only else BLOCKS
        self._epochs: list[Mapping[str, Any]] = []
        self._events: list[str] = []
        self._logged = ""  # the kind of the last event
        self._phase = ""
        self._began: tuple[float, float] | None = None
        self.note = ""
        """A last line, in grey."""
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
        for key, title in self._titles.items():
            values = [epoch[key] for epoch in self._epochs if epoch.get(key) is not None]
            try:
                numbers = [float(value) for value in values[-SPARKS:]]  # records spell NaN "nan"
            except ValueError:
                table.add_row(title, "", str(values[-1]))
                continue
            if numbers:
                row = sparkline(numbers, blocks=self._blocks)
                table.add_row(title, f"{numbers[-1]:.4f}", row)
        parts: list[RenderableType] = [self._bar, table]
        parts += [Text(event, style="dim") for event in self._events[:-1]]
        parts += [Text(event, style="bold") for event in self._events[-1:]]
        return Group(*parts, *([Text(self.note, style="dim")] if self.note else []))

    def on_step(self, progress: Mapping[str, Any]) -> None:
        """Move the bar and guess the time left."""
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
        self.redraw()

    def on_record(self, record: Mapping[str, Any]) -> None:
        """Show an epoch's readings; log what changes the course, and the latest candidate."""
        kind = record["kind"]
        if kind == "epoch":
            self._epochs.append(record)
        elif changes_course(record, self._phase):
            self._phase = record["phase"]
            if kind == self._logged == "candidate":
                self._events.pop()  # tens of them would push out why the search switched
            self._logged = kind
            self._events = [*self._events, f"epoch {record['epoch']}: {record['reason']}"][-EVENTS:]
        if record.get("stop"):
            self._bar.update(self._task, left="")  # candidates may follow, and take their time
        self.redraw()

    def redraw(self) -> None:
        """Draw what is known."""
        self.live.update(self._drawn())


def changes_course(record: Mapping[str, Any], phase: str | None) -> bool:
    """Return whether a record other than an epoch's is more than "goes on"."""
    return bool(
        record["kind"] != "decision"
        or record["stop"]
        or record["phase"] != phase
        or record["actions"]
    )
