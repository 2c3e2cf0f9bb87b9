"""`swarmnas lookup` and `swarmnas table`: tables of trained cells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import rich.table
import typer
from rich.console import Console

from swarmnas import spaces
from swarmnas.problems import Table, import_table

app = typer.Typer(help="Make and read tables of trained cells.", no_args_is_help=True)


def print_row(found: Mapping[str, float], *, title: str) -> None:
    """Print what a table says of one cell, a column a line."""
    console = Console()
    console.print(title, style="bold", highlight=False, soft_wrap=True)
    view = rich.table.Table(box=None, show_header=False)
    for column, value in found.items():
        view.add_row(column, f"{value:.4f}".rstrip("0").rstrip("."))
    console.print(view)


def lookup(
    arch: Annotated[str, typer.Argument(help="A cell string, as NAS-Bench-201 writes it.")],
    table: Annotated[Path, typer.Option("--table", help="The table, .csv or .csv.gz.")],
    reveal_test: Annotated[
        bool, typer.Option("--reveal-test", help="Print the test columns too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Print what a table holds for a cell: validation columns, and test columns on request."""
    text = spaces.create("nasbench201").parse(arch).to_text()
    shown = dict(Table.read(table).lookup(text, reveal_test=reveal_test))
    if as_json:
        typer.echo(json.dumps({"arch": text, **shown}))
    else:
        print_row(shown, title=text)


@app.command("import")
def import_(
    archive: Annotated[
        Path, typer.Argument(help="An official NATS-Bench (topology) or NAS-Bench-201 archive.")
    ],
    out: Annotated[Path, typer.Argument(help="The table to write, .csv or .csv.gz.")],
    trust: Annotated[
        bool,
        typer.Option("--trust", help="The archive is a pickle and may run code: I trust it."),
    ] = False,
) -> None:
    """Make a table from an official archive, through the package nats-bench (extra "nats")."""
    table = import_table(archive, out, trust=trust)
    typer.echo(f"{out}: {len(table.archs):,} cells, {len(table.columns(reveal_test=True))} columns")
