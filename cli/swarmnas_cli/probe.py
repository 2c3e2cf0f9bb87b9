"""`swarmnas probe`: does the supernet of a search rank cells as a table does?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import rich.table
import typer
from rich.console import Console

from swarmnas.checks import one_of
from swarmnas.errors import DataError
from swarmnas.problems import Table


def command(
    run: Annotated[Path, typer.Argument(help="The run directory of a search, finished or not.")],
    table: Annotated[Path, typer.Option("--table", help="A table of trained cells, .csv(.gz).")],
    column: Annotated[
        str | None,
        typer.Option(help="A validation column; by default of the longest training."),
    ] = None,
    cells: Annotated[int, typer.Option(min=2, help="Cells drawn from the table.")] = 250,
    images: Annotated[int, typer.Option(min=2, help="Validation images for each.")] = 512,
    ablated: Annotated[
        bool, typer.Option("--ablated", help="Rank by what the supernet loses without each cell.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Draws the cells.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Correlate the supernet's ranking of cells with a table's, epoch by epoch."""
    known = Table.read(table)
    columns = known.validation_columns
    if not columns:
        raise DataError(
            f"{table}: expected a column named {{dataset}}_valid_{{epochs}}; got none. "
            "Validation figures alone may explain a search."
        )
    if column is None:
        column = max(columns, key=lambda name: int(name.rpartition("_")[2]))
    one_of("column", column, columns)
    from swarmnas.search import rank_cells  # imports torch, which takes seconds

    figures = dict(zip(known.archs, known.column(column).tolist(), strict=True))
    rankings = rank_cells(
        run, figures, num_cells=cells, num_images=images, ablated=ablated, seed=seed
    )
    if as_json:
        rows = [{"epoch": r.epoch, "correlation": r.correlation} for r in rankings]
        typer.echo(json.dumps({"column": column, "rankings": rows}))
        return
    console = Console(highlight=False)
    console.print(f"Rank correlation (Spearman) of the supernet with {column}:")
    view = rich.table.Table(box=None)
    view.add_column("epoch", justify="right")
    view.add_column("correlation", justify="right")
    for ranking in rankings:
        view.add_row(str(ranking.epoch), f"{ranking.correlation:+.2f}")
    console.print(view)
