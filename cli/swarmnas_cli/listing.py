"""`swarmnas list`: what there is, by kind."""

from __future__ import annotations

import importlib
import json
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
}
"""Kind -> its registry."""


def _registry(kind: str) -> Any:
    module, _, attribute = KINDS[one_of("kind", kind, KINDS)].partition(":")
    return getattr(importlib.import_module(module), attribute)


def command(
    kind: Annotated[str, typer.Argument(help=f"One of: {', '.join(KINDS)}.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """List the optimizers, spaces, policies, data sets, protocols or problems that there are."""
    entries = _registry(kind).entries()
    if as_json:
        rows = [
            {"name": e.name, "summary": e.summary, "origin": e.origin} for e in entries.values()
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("what it is")
    for entry in entries.values():
        table.add_row(entry.name, entry.summary)
    Console().print(table)
