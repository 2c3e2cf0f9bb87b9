"""`swarmnas list`: what there is, by kind."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from swarmnas.checks import one_of

KINDS = {
    "optimizers": "swarmnas.optimizers:optimizers",
    "spaces": "swarmnas.spaces:spaces",
    "policies": "swarmnas.phases:policies",
    "datasets": "swarmnas.datasets:datasets",
    "protocols": "swarmnas.training:protocols",
    "problems": "swarmnas.problems:problems",
    "genotypes": "swarmnas.spaces:available_genotypes",
}
"""Kind -> its registry, or a function that returns a summary by name."""


def _rows(kind: str) -> list[dict[str, str]]:
    module, _, attribute = KINDS[one_of("kind", kind, KINDS)].partition(":")
    catalogue: Any = getattr(importlib.import_module(module), attribute)
    if callable(catalogue):
        return [
            {"name": name, "summary": summary, "origin": "swarmnas"}
            for name, summary in catalogue().items()
        ]
    entries = catalogue.entries().values()
    return [{"name": e.name, "summary": e.summary, "origin": e.origin} for e in entries]


def completing(kind: str) -> Callable[[str], list[tuple[str, str]]]:
    """Return what completes a name in a shell: names of a kind that begin so, with summaries."""

    def complete(incomplete: str) -> list[tuple[str, str]]:
        rows = [(row["name"], row["summary"]) for row in _rows(kind)]
        return [row for row in rows if row[0].startswith(incomplete)]

    return complete


def one_of_these(names: Iterable[str]) -> Callable[[str], list[str]]:
    """Return what completes one of a few names in a shell."""
    return lambda incomplete: [name for name in names if name.startswith(incomplete)]


def command(
    kind: Annotated[
        str,
        typer.Argument(help=f"One of: {', '.join(KINDS)}.", autocompletion=one_of_these(KINDS)),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """List what there is of a kind: names, and a line on each."""
    rows = _rows(kind)
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("what it is")
    for row in rows:
        table.add_row(row["name"], row["summary"])
    Console().print(table)
