"""The command `swarmnas`: its groups of commands, and errors as one line."""

from __future__ import annotations

import sys
import traceback
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from swarmnas import __version__
from swarmnas.errors import SwarmNASError
from swarmnas_cli import (
    bench,
    compare,
    doctor,
    evaluate,
    explain,
    init,
    listing,
    pareto,
    policy,
    probe,
    report,
    search,
    show,
    table,
    train,
    watch,
)

app = typer.Typer(
    name="swarmnas",
    help="Shift gears between gradient and swarm: neural architecture search.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"swarmnas {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Shift gears between gradient and swarm: neural architecture search."""


app.command("search")(search.command)
app.command("doctor")(doctor.command)
app.command("init")(init.command)
app.command("watch")(watch.command)
app.command("report")(report.command)
app.command("pareto")(pareto.command)
app.command("train")(train.command)
app.command("evaluate")(evaluate.evaluate)
app.command("export")(evaluate.export)
app.command("show")(show.command)
app.command("explain")(explain.command)
app.command("probe")(probe.command)
app.command("compare")(compare.command)
app.command("lookup")(table.lookup)
app.add_typer(policy.app, name="policy")
app.add_typer(table.app, name="table")
app.add_typer(bench.app, name="bench")
app.command("list")(listing.command)


def main() -> None:
    """Run the command line; our own errors, and those of plug-ins, end as one line, exit code 2."""
    try:
        app()
    except SwarmNASError as error:
        _end(str(error))
    except Exception as error:
        place = _place_in_plug_in(error)
        if place is None:
            raise
        _end(
            f"{place}: expected no error; got {type(error).__name__}: {error}. "
            "Mend the plug-in; what was saved before can be continued."
        )


def _end(message: str) -> None:
    typer.echo(f"swarmnas: {' '.join(message.split())}", err=True)
    sys.exit(2)


def _place_in_plug_in(error: Exception) -> str | None:
    """Return where in whose plug-in an error arose; None where none took part."""
    owners = {
        point.module.partition(".")[0]: point.dist.name if point.dist else "unknown"
        for group in entry_points().groups
        if group.startswith("swarmnas.")
        for point in entry_points(group=group)
    }
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        if package in owners:
            return f"{owners[package]}, {Path(frame.f_code.co_filename).name}, line {line}"
    return None


if __name__ == "__main__":
    main()
