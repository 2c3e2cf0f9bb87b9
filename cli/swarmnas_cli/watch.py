"""`swarmnas watch`: follow a search from another terminal, or in a browser."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import warnings
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from swarmnas.checks import as_int
from swarmnas.errors import SwarmNASWarning
from swarmnas.phases import Decision, Signals
from swarmnas.reports import SearchRecords, serving
from swarmnas.runs import Callback, RunDirectory
from swarmnas_cli.live import READINGS, Lines
from swarmnas_cli.screen import Screen


def command(
    run: Annotated[Path, typer.Argument(help="The run directory of a search.")],
    open_page: Annotated[
        bool, typer.Option("--open", help="Serve its report on localhost, refreshed as it runs.")
    ] = False,
    port: Annotated[int, typer.Option(help="Of the served page; 0 takes a free one.")] = 0,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 1.0,
) -> None:
    """Follow a search that another process runs, here or over ssh, until it ends."""
    records = SearchRecords(run)
    console = Console()
    view = Screen(console, READINGS) if console.is_terminal else Lines()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ended_by_ctrl_c())
        if open_page:
            address = stack.enter_context(serving(run, port=port))
            typer.echo(f"Report: {address} (Ctrl-C ends this, not the search)")
            if _has_desktop():
                webbrowser.open(address)
        if isinstance(view, Screen):
            stack.enter_context(view.live)
        _follow(run, view, planned=records.policy.epochs, every=every)
    typer.echo(f"The search has ended. Next: swarmnas report {run}")


def _follow(run: Path, view: Callback, *, planned: int, every: float) -> None:
    """Tell ``view`` each record as it comes, until the search ends."""
    directory = RunDirectory.open(run)
    seen, news = 0, time.monotonic()
    while True:
        with warnings.catch_warnings():  # the last line may be half written
            warnings.simplefilter("ignore", SwarmNASWarning)
            records = directory.history()
        for record in filter(None, map(_checked, records[seen:])):
            view.on_record(record)
            if record["kind"] == "epoch":
                view.on_step(_progress(record, planned))
            news = time.monotonic()
        seen = max(seen, len(records))
        ended = bool(records) and bool(records[-1].get("stop"))
        if ended and (directory.path / "genotype.json").exists():
            return
        if isinstance(view, Screen):
            quiet = time.monotonic() - news
            view.note = "" if quiet < 60 else (
                f"No news for {int(quiet // 60)} min. If nothing works on it any more: "
                f"swarmnas search --resume {run}"
            )  # fmt: skip
            view.redraw()
        time.sleep(every)


def _checked(record: dict[str, Any]) -> dict[str, Any] | None:
    """Return a record as a search writes it, or None if it is of another kind."""
    match record.get("kind"):
        case "epoch":
            return {**record, **Signals.from_json(record).to_json()}
        case "decision" | "divergence" | "candidate" as kind:
            epoch = as_int("epoch", record.get("epoch"), low=0)
            return {"kind": kind, "epoch": epoch, **Decision.from_json(record).to_json()}
    return None


def _progress(record: dict[str, Any], planned: int) -> dict[str, Any]:
    return {
        "phase": record["phase"],
        "epoch": record["epoch"],
        "epochs": planned,
        "step": 1,
        "steps": 1,
        "seconds": record.get("timing", {}).get("seconds", 0.0),
    }


@contextlib.contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(130)


def _has_desktop() -> bool:
    """Return whether a browser would open a window; one in the terminal would cover the view."""
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
