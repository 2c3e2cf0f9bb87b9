"""`swarmnas show`: a genotype as text, picture, parameters and multiply-adds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from swarmnas.spaces import create, read_genotype
from swarmnas_cli.flags import shown

PUBLISHED = {"darts-stack": (36, 20), "residual-stages": (16, 5)}
"""Layout -> channels and cells of the networks that papers train."""


def command(
    genotype: Annotated[
        str,
        typer.Argument(
            help="A run directory, a JSON file, a name of `swarmnas list genotypes`, or its text.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Draw the cells to this file: .svg, .png or .pdf.")
    ] = None,
    space: Annotated[
        str | None, typer.Option(help="The space of a genotype's text, if it does not show.")
    ] = None,
    channels: Annotated[
        int | None, typer.Option(help="Of the first cells; as papers train it if unset.")
    ] = None,
    cells: Annotated[
        int | None,
        typer.Option(help="Cells in all (darts) or a stage (nasbench201), as papers if unset."),
    ] = None,
    image_size: Annotated[int, typer.Option(help="Side of the images.")] = 32,
    in_channels: Annotated[int, typer.Option(help="Channels of the images.")] = 3,
    num_classes: Annotated[int, typer.Option(help="Classes.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Show a genotype: its operations, what its network costs, and its cells as a picture."""
    chosen = read_genotype(genotype, space=space)
    home = create(chosen.space)
    usual = PUBLISHED.get(home.layout, (16, 1))
    size = {
        "channels": usual[0] if channels is None else channels,
        "cells": usual[1] if cells is None else cells,
        "image_size": image_size,
        "in_channels": in_channels,
        "num_classes": num_classes,
    }
    from swarmnas.networks import cost_of  # imports torch, which takes seconds

    cost = cost_of(home, chosen, **size)
    if out is not None:
        from swarmnas.reports import write_cell_picture

        write_cell_picture(home, chosen, out)
    if as_json:
        picture = {} if out is None else {"picture": str(out)}
        data = {"genotype": chosen.to_json(), "text": chosen.to_text(), **size, **cost._asdict()}
        typer.echo(json.dumps(data | picture))
        return
    console = Console()
    console.print(chosen.to_text(), soft_wrap=True, highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("cell", "edge", "operation"):
        table.add_column(column, no_wrap=True)
    for name, choices in chosen.cells:
        for operation, source, target in choices:
            table.add_row(name, f"{source} -> {target}", operation)
    console.print(table)
    typer.echo(
        f"{cost.parameters:,} parameters, {cost.flops:,} multiply-adds an image "
        f"({size['channels']} channels, {size['cells']} cells, {num_classes} classes, "
        f"{in_channels}x{image_size}x{image_size} pixels)"
    )
    if out is not None:
        typer.echo(f"Picture: {shown(out)}")
