"""`swarmnas pareto`: what a search visited, by loss and cost."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from swarmnas_cli.flags import AsJson


def command(
    run: Annotated[Path, typer.Argument(help="The run directory of a search.")],
    channels: Annotated[
        int | None, typer.Option(min=1, help="Of the networks counted; the supernet's if unset.")
    ] = None,
    cells: Annotated[
        int | None, typer.Option(min=1, help="Of the networks counted; the supernet's if unset.")
    ] = None,
    images: Annotated[int, typer.Option(min=2, help="Validation images.")] = 512,
    latency: Annotated[
        str | None,
        typer.Option(help="Time the networks too, one image a pass, on: auto, cpu or cuda."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the genotypes that a search visited; a star marks those that none dominates."""
    from swarmnas.search import visited_genotypes  # imports torch, which takes seconds

    rows = visited_genotypes(run, channels=channels, cells=cells, num_images=images, device=latency)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(row) for row in rows]))
        return
    view = Table(title="Visited genotypes, best validation loss first", title_justify="left")
    timed = ("milliseconds",) if latency else ()
    for column in ("", "epoch", "loss", "parameters", "multiply-adds", *timed):
        view.add_column(column, justify="right")
    view.add_column("genotype", overflow="fold")
    for row in rows:
        star = "*" if row.on_front else ""
        figures = [f"{row.loss:.4f}", f"{row.parameters:,}", f"{row.flops:,}"]
        figures += [] if row.latency is None else [f"{1e3 * row.latency:.2f}"]
        view.add_row(star, str(row.epoch), *figures, row.genotype)
    Console().print(view)
