"""`swarmnas bench`: run a comparison of optimizers, report it, hand it to other tools."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from swarmnas.bench import Progress as Done
from swarmnas.bench import Study
from swarmnas.bench import run as run_study
from swarmnas.checks import explain, one_of
from swarmnas.errors import SettingError
from swarmnas_cli.interrupts import interruptible

app = typer.Typer(
    help="Compare optimizers, with the statistics of the field.", no_args_is_help=True
)

QUIET_SECONDS = 10
"""Between two lines of progress where no terminal redraws them."""


def _names(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _numbers(where: str, text: str | None) -> list[int]:
    found: list[int] = []
    for part in _names(text):
        first, dash, last = part.partition("-")
        try:
            found += range(int(first), int(last) + 1) if dash else [int(first)]
        except ValueError as cause:
            fix = f"Write {where} 1,2,5 or 1-15."
            raise SettingError(explain(where, "integers or ranges", repr(part), fix)) from cause
    return found


def _study(file: Path | None, flags: dict[str, Any]) -> tuple[Study, str]:
    given = {key: value for key, value in flags.items() if value not in (None, [], ())}
    if file is not None:
        if given:
            fix = "Put these into the study, or leave the file out."
            got = ", ".join(f"--{key.replace('_', '-')}" for key in given)
            raise SettingError(explain(str(file), "a study file alone", f"{got} too", fix))
        return Study.read(file), file.stem
    given.setdefault("dims", [10])
    if "optimizers" not in given or not ("suite" in given or "problems" in given):
        fix = "Try: swarmnas bench run --suite classic --optimizers icso,cso,pso"
        got = ", ".join(f"--{key}" for key in given if key != "dims") or "neither"
        raise SettingError(
            explain("bench run", "a study file, or --optimizers and --suite", got, fix)
        )
    return Study.from_mapping(given, source="the flags"), given.get("suite", "problems")


@app.command("run")
def run(
    study: Annotated[Path | None, typer.Argument(help="A study, .toml; or use the flags.")] = None,
    suite: Annotated[
        str | None, typer.Option(help="classic, bbob, cec2022, cec2008 or nevergrad.")
    ] = None,
    problems: Annotated[
        str | None, typer.Option(help="More problems, such as sphere,rastrigin.")
    ] = None,
    dims: Annotated[str | None, typer.Option(help="Dimensions, such as 10,20.")] = None,
    optimizers: Annotated[
        str | None, typer.Option(help="Optimizers, such as icso,cso,pso.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Repetitions on each instance.")] = None,
    instances: Annotated[
        str | None, typer.Option(help="Instances to report on, such as 1-15.")
    ] = None,
    tuning_instances: Annotated[
        str | None, typer.Option(help="Instances to choose settings on; reports leave them out.")
    ] = None,
    budget_per_dim: Annotated[
        int | None, typer.Option(help="Evaluations of a run, for each dimension.")
    ] = None,
    budget: Annotated[
        int | None, typer.Option(help="Evaluations of a run, whatever its dimension.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of the whole study.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The store; runs/bench-NAME unless given.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes.", min=1)] = 1,
    cluster: Annotated[str | None, typer.Option(help="Run on a cluster: ray.")] = None,
) -> None:
    """Run what a store lacks of a study; after any interruption the same command continues."""
    chosen, name = _study(
        study,
        {
            "suite": suite,
            "problems": _names(problems),
            "dims": _numbers("--dims", dims),
            "optimizers": _names(optimizers),
            "seeds": seeds,
            "reporting": _numbers("--instances", instances),
            "tuning": _numbers("--tuning-instances", tuning_instances),
            "budget_per_dim": budget_per_dim,
            "budget": budget,
            "seed": seed,
        },
    )
    path = out or Path("runs") / f"bench-{name}"
    with contextlib.ExitStack() as stack:
        executor = None
        if cluster is not None:
            from swarmnas_cli.cluster import cluster as connected

            executor = stack.enter_context(connected(cluster, jobs=jobs))
        then = f"{path} holds what is done: run the same command again to continue."
        stop = stack.enter_context(interruptible("unit", then=then))
        shown = stack.enter_context(_watching())

        def progress(done: Done) -> None:
            shown(done)
            stop.on_checkpoint(done.done)

        run_study(chosen, path, jobs=jobs, executor=executor, progress=progress)
    typer.echo(f"Results in {path}. Next: swarmnas bench report {path}")


@contextlib.contextmanager
def _watching() -> Any:
    console = Console()
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("units, {task.fields[rate]}{task.fields[failed]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("units", total=None, rate="starting", failed="")
        begun = time.monotonic()

        def show(done: Done) -> None:
            bar.update(task, completed=done.done, total=done.total, **_words(done, begun))

        yield show


def _words(done: Done, begun: float) -> dict[str, str]:
    rate = done.new / max(time.monotonic() - begun, 1e-9)
    return {
        "rate": f"{rate:.1f}/s" if done.new else "starting",
        "failed": f", {done.failed} failed" if done.failed else "",
    }


class _Lines:
    """A line now and then, for logs."""

    def __init__(self) -> None:
        self._begun = self._last = time.monotonic()

    def __call__(self, done: Done) -> None:
        now = time.monotonic()
        if done.new and done.done < done.total and now - self._last < QUIET_SECONDS:
            return
        self._last = now
        words = _words(done, self._begun)
        left = ""
        if done.new and done.done < done.total:
            seconds = (done.total - done.done) * (now - self._begun) / done.new
            left = f", {int(seconds // 60)}:{int(seconds % 60):02d} left"
        typer.echo(f"{done.done}/{done.total} units, {words['rate']}{words['failed']}{left}")


Store = Annotated[Path, typer.Argument(help="A store that `swarmnas bench run` wrote.")]
Which = Annotated[
    str, typer.Option("--instances", help="Which instances: reporting, tuning or all.")
]


@app.command("report")
def report(
    store: Store,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write; beside the store, STORE-report, unless given."),
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Test this optimizer against all others.")
    ] = None,
    instances: Which = "reporting",
    precision: Annotated[
        float, typer.Option(help="Errors below are equal in ranks and tests.")
    ] = 1e-8,
    reveal_test: Annotated[
        str | None, typer.Option(help="A test column to look up for the cells found.")
    ] = None,
    latex: Annotated[
        bool, typer.Option("--latex", help="Write the table of errors as LaTeX too.")
    ] = False,
) -> None:
    """Write tables, tests and pictures of a study as PNG and SVG files and one HTML page."""
    from swarmnas.atomic import replace_file
    from swarmnas.bench.results import Results
    from swarmnas.reports import compare, latex_table, write_page, write_pictures

    results = Results.read(store, instances=instances)
    comparison = compare(results, rival=against, precision=precision, reveal_test=reveal_test)
    folder = out or store.with_name(f"{store.name}-report")
    page = write_page(comparison, folder / "report.html", title=f"Comparison: {store.name}")
    files = [page, *write_pictures(comparison, folder)]
    if latex:
        files.append(folder / "errors.tex")
        replace_file(files[-1], latex_table(comparison).encode())
    for notice in comparison.notices:
        typer.echo(f"Note: {notice}")
    console = Console()
    view = Table(
        title=f"Mean ranks over {len(results.complete_blocks)} blocks", title_justify="left"
    )
    view.add_column("optimizer")
    view.add_column("mean rank", justify="right")
    for label, rank in sorted(
        zip(results.optimizers, comparison.ranks.tolist(), strict=True), key=lambda pair: pair[1]
    ):
        view.add_row(label, f"{rank:.2f}")
    console.print(view)
    test = comparison.friedman
    if test is not None:
        typer.echo(f"Friedman: statistic {test.statistic:.3f}, p = {test.p_value:.3g}")
    typer.echo(f"{page}, and {len(files) - 1} files beside it")


@app.command("export")
def export(
    store: Store,
    out: Annotated[Path, typer.Argument(help="A folder; each optimizer gets one in it.")],
    form: Annotated[str, typer.Option("--format", help="coco or iohanalyzer.")],
    instances: Which = "reporting",
) -> None:
    """Write the results in the form that COCO's cocopp or IOHanalyzer reads."""
    from swarmnas.bench.exports import FORMATS
    from swarmnas.bench.results import Results

    write = FORMATS[one_of("--format", form, FORMATS)]
    for folder in write(Results.read(store, instances=instances), out):
        typer.echo(str(folder))


@app.command("optimizers")
def list_optimizers() -> None:
    """List what may enter a study, with the settings that other packages' optimizers run with."""
    from swarmnas.bench import available

    view = Table(box=None, pad_edge=False, header_style="bold")
    view.add_column("name", no_wrap=True)
    view.add_column("what it is")
    for name, summary in available().items():
        view.add_row(name, summary)
    Console().print(view)
