"""`swarmnas report`: a search, or several side by side, as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from swarmnas.reports import write_report
from swarmnas_cli.flags import shown


def command(
    runs: Annotated[
        list[Path], typer.Argument(help="Searches, ended or not, and trainings of their cells.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The file; report.html, in the run directory if there is one run."),
    ] = None,
) -> None:
    """Draw searches as one HTML file that opens without a network."""
    typer.echo(f"Report: {shown(write_report(runs, out))}")
