"""`swarmnas compare`: is what a search found better than chance?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from swarmnas.reports import write_report
from swarmnas.runs import RunDirectory
from swarmnas_cli.flags import shown


def command(
    run: Annotated[Path, typer.Argument(help="The run directory of a finished search.")],
    num_random: Annotated[
        int, typer.Option("--random", help="Random networks of the same space beside it.")
    ] = 3,
    epochs: Annotated[int, typer.Option(help="Epochs that each is trained for.")] = 5,
    seed: Annotated[int, typer.Option(help="Draws the random networks and all weights.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Train the found network and random ones alike, from scratch, and print test accuracies."""
    from swarmnas.recipes import compare_with_random  # imports torch, which takes seconds

    console = Console(stderr=as_json)

    def told(row: dict[str, Any]) -> None:
        console.print(f"trained {row['name']}: {row['test_accuracy']:.4f}", highlight=False)

    rows = compare_with_random(run, num_random=num_random, epochs=epochs, seed=seed, told=told)
    title = f"Test accuracy after {epochs} epochs from scratch"
    RunDirectory.open(run).write_json("comparison.json", {"title": title, "rows": rows})
    page = write_report([run])
    if as_json:
        typer.echo(json.dumps(rows))
        return
    view = Table(title=title, title_justify="left", header_style="bold")
    view.add_column("network")
    view.add_column("test accuracy", justify="right")
    view.add_column("parameters", justify="right")
    for row in rows:
        view.add_row(row["name"], f"{row['test_accuracy']:.4f}", f"{row['parameters']:,}")
    console.print(view)
    for row in rows:
        console.print(f"{row['name']}: {row['genotype']}", highlight=False, soft_wrap=True)
    best = max(rows, key=lambda row: row["test_accuracy"])
    console.print(f"Best: {best['name']}.", highlight=False)
    console.print(f"Report: {shown(page)}", highlight=False, soft_wrap=True)
