"""`swarmnas search`: the main job, with a flag for every setting."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from swarmnas.errors import SettingError
from swarmnas.problems import Table as CellTable
from swarmnas.recipes import load_preset, presets
from swarmnas.reports import REPORT, write_report
from swarmnas.runs import RunDirectory
from swarmnas.search import SearchConfig, default_path, read_config
from swarmnas_cli.flags import (
    AsJson,
    Out,
    Overwrite,
    given_of,
    refuse_beside_resume,
    shown,
    with_flags,
)
from swarmnas_cli.listing import one_of_these
from swarmnas_cli.live import speaks, watching
from swarmnas_cli.table import print_row

if TYPE_CHECKING:
    from swarmnas.search import SearchResult

SETTINGS = SearchConfig.model_fields

WELCOME = """\
A search finds a network for your images. Say which, for example:

  swarmnas search --dataset photos/ --image-size 32   a folder with one folder a class
  swarmnas search --dataset cifar10 --download        CIFAR-10
  swarmnas init                                       a commented file of all settings

`swarmnas search --help` lists every setting.
"""


def _search(
    preset: Annotated[
        str | None,
        typer.Option(
            help=f"Start from a preset: {', '.join(presets)}.",
            autocompletion=one_of_these(presets),
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A TOML file of settings, or the config.toml of a run.")
    ] = None,
    out: Out = None,
    overwrite: Overwrite = False,
    resume_from: Annotated[
        Path | None, typer.Option("--resume", help="Continue this run; takes no settings.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="Searches with so many seeds in turn; needs --select.")
    ] = 1,
    select: Annotated[
        bool, typer.Option("--select", help="Train briefly what each found; keep the best.")
    ] = False,
    table: Annotated[
        Path | None, typer.Option(help="A table that is asked about the found cell, at the end.")
    ] = None,
    reveal_test: Annotated[
        bool, typer.Option("--reveal-test", help="Print the table's test columns too.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Time 20 steps of each phase; print memory and hours."),
    ] = False,
    as_json: AsJson = False,
    **flags: Any,
) -> None:
    """Search an architecture; flags win over a TOML file, and that over a preset."""
    given = given_of(flags)
    if not (given or preset or config or out or resume_from or table or as_json or dry_run):
        preset = _offered()
    known = None if table is None else CellTable.read(table)
    if select != (seeds > 1):
        raise SettingError(
            "--select: expected beside --seeds of 2 or more, which it chooses from; got one "
            "without the other. Try: --seeds 4 --select."
        )
    quiet = as_json or not speaks()
    if (select or dry_run) and not speaks():
        raise SettingError(
            "--select and --dry-run: expected one process; got several. Run without torchrun."
        )
    if resume_from is not None:
        refuse_beside_resume(given, preset, config, out, overwrite, select, dry_run)
        from swarmnas.search import resume  # imports torch, which takes seconds

        with watching(resume_from, quiet=quiet) as callbacks:
            result = resume(resume_from, callbacks=callbacks)
    else:
        settings = load_preset(preset) if preset else {}
        settings |= read_config(config) if config else {}
        chosen = SearchConfig.from_mapping(settings | given, source="swarmnas search")
        if dry_run:
            _rehearse(chosen, as_json)
            return
        path = out or default_path(chosen)
        if select:
            home = out or path.with_name(f"{path.name}-to-{chosen.seed + seeds - 1}")
            result = _selected(chosen, seeds, home, overwrite, as_json)
        else:
            from swarmnas.search import run  # imports torch, which takes seconds

            with watching(path, quiet=quiet) as callbacks:
                result = run(chosen, out=path, overwrite=overwrite, callbacks=callbacks)
    if not speaks():
        return
    text = result.genotype.to_text()
    columns = {} if known is None else dict(known.lookup(text, reveal_test=reveal_test))
    if columns:
        said = {"title": f"What the table {table.name} says of it", "rows": [columns]}
        RunDirectory.open(result.path).write_json("table.json", said)
    page = write_report([result.path])
    if as_json:
        typer.echo(json.dumps(_as_data(result) | {"table": columns, "report": str(page)}))
    else:
        _report(result, columns, table)


def _selected(
    config: SearchConfig, seeds: int, out: Path, overwrite: bool, quiet: bool
) -> SearchResult:
    """Search with several seeds, say how each candidate did, and return the best one's search."""
    from swarmnas.recipes import search_and_select  # imports torch, which takes seconds

    with watching(out, quiet=quiet) as callbacks:
        candidates = search_and_select(
            config, seeds=seeds, out=out, overwrite=overwrite, callbacks=callbacks
        )
    if not quiet:
        view = Table(title="Trained briefly, best first", title_justify="left")
        for column in ("found by", "validation accuracy", "validation loss"):
            view.add_column(column)
        for candidate in candidates:
            names = ", ".join(search.path.name for search in candidate.searches)
            view.add_row(names, f"{candidate.valid_accuracy:.4f}", f"{candidate.valid_loss:.4f}")
        Console().print(view)
    return candidates[0].searches[0]


def _rehearse(config: SearchConfig, as_json: bool) -> None:
    """Print what a search would take."""
    from swarmnas.search import rehearse  # imports torch, which takes seconds

    found = rehearse(config)
    if as_json:
        phases = [vars(phase) for phase in found.phases]
        typer.echo(json.dumps(vars(found) | {"phases": phases, "hours": found.hours}))
        return
    view = Table(title=f"Dry run on {found.device}", title_justify="left", header_style="bold")
    for column in ("phase", "epochs", "steps an epoch", "seconds a step", "hours"):
        view.add_column(column, no_wrap=True, justify="left" if column == "phase" else "right")
    for phase in found.phases:
        hours = phase.epochs * phase.epoch_seconds / 3600
        numbers = (str(phase.epochs), str(phase.steps), f"{phase.step_seconds:.3g}")
        view.add_row(phase.name, *numbers, f"{hours:.2g}")
    console = Console()
    console.print(view)
    console.print(f"About {found.hours:.2g} hours in all, readings of each epoch included.")
    if found.memory is not None:
        console.print(f"At most {found.memory / 2**30:.1f} GiB of memory.", highlight=False)


def _offered() -> str | None:
    """Explain the command to somebody who typed it bare, and return the preset that they take."""
    if not _is_terminal():
        return None  # a script: all settings at their defaults
    typer.echo(WELCOME)
    if typer.confirm("Search a network for handwritten digits now (a minute)?", default=True):
        return "digits"
    raise typer.Exit


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _as_data(result: SearchResult) -> dict[str, Any]:
    return {
        "genotype": result.genotype.to_json(),
        "text": result.genotype.to_text(),
        "run": str(result.path),
        "phases": [vars(phase) for phase in result.phases],
    }


def _report(result: SearchResult, columns: dict[str, float], table: Path | None) -> None:
    """Print the honest ending: the phases and why each ended, the cell, where the run lies."""
    console = Console()
    view = Table(title="Phases", title_justify="left", header_style="bold")
    view.add_column("phase", no_wrap=True)
    view.add_column("epochs", no_wrap=True, justify="right")
    view.add_column("why it ended")
    for phase in result.phases:
        why = phase.ended.partition(": ")[2] or phase.ended
        view.add_row(phase.name, f"{phase.first_epoch}-{phase.last_epoch}", why)
    console.print(view)
    tried = RunDirectory.open(result.path).config["search"]["candidates"]
    how = ", the best candidate that was trained briefly" if tried else ""
    console.print(f"Found{how}:", style="bold")
    console.print(result.genotype.to_text(), soft_wrap=True, highlight=False)
    if columns:
        print_row(columns, title=f"What {table} says of it")
    console.print(f"Run: {shown(result.path)}", soft_wrap=True, highlight=False)
    console.print(f"Report: {shown(result.path / REPORT)}", soft_wrap=True, highlight=False)
    console.print(f"Next: swarmnas compare {shown(result.path)}", soft_wrap=True, highlight=False)


command = with_flags(_search, SETTINGS)
