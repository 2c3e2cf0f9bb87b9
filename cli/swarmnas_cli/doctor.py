"""`swarmnas doctor`: what is wrong with a run, and what can be saved."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def command(
    run: Annotated[
        Path, typer.Argument(help="The run directory of a search, a training or a bench.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Check config, history, checkpoints, lock and result; exit code 1 if something is wrong."""
    from swarmnas.recipes.doctor import examine

    found = examine(run)
    if as_json:
        typer.echo(json.dumps({**asdict(found), "healthy": found.healthy}))
    else:
        for finding in found.findings:
            typer.echo(f"{'ok   ' if finding.healthy else 'WRONG'} {finding.part}: {finding.says}")
        for line in found.advice:
            typer.echo(line)
    raise typer.Exit(0 if found.healthy else 1)
