"""The report of a study: pictures as files, one HTML page that needs no network, a LaTeX table."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from swarmnas.atomic import replace_file, writing
from swarmnas.bench import available
from swarmnas.bench.results import Block, Results
from swarmnas.bench.statistics import (
    Against,
    Friedman,
    against,
    expected_running_time,
    friedman,
    mean_ranks,
    pairwise_wilcoxon,
)
from swarmnas.checks import as_float, explain, one_of, require
from swarmnas.errors import MissingDependencyError, SettingError
from swarmnas.problems import Table
from swarmnas.reports import figures
from swarmnas.reports.pages import render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Comparison", "compare", "latex_table", "reveal", "write_page", "write_pictures"]

SHOWN_TARGETS = (1e1, 1e0, 1e-1, 1e-3, 1e-5, 1e-8)
"""Errors for which tables state the expected running time."""

PRECISION = 1e-8
"""Errors below are equal in ranks and tests, as the CEC competitions and COCO have it."""


@dataclass(frozen=True)
class Comparison:
    """What a report says, as numbers."""

    results: Results
    precision: float
    medians: Any
    """``(blocks, optimizers)`` median errors with ``precision`` as the floor: what is ranked."""
    ranks: Any
    """``(optimizers,)`` mean ranks over the blocks; NaN where there is no block."""
    friedman: Friedman | None
    pairwise: Any
    """``(optimizers, optimizers)`` signed-rank p-values over the blocks, corrected by Holm."""
    against: list[Against]
    rival: str | None
    revealed: list[dict[str, Any]]
    """Test accuracies of the cells found, a row an optimizer and problem."""
    notices: list[str]
    """What a reader must know before the numbers."""
    figures: dict[str, Figure] = field(repr=False)
    """File name without ending -> picture."""
    _drawn: dict[tuple[str, str], bytes] = field(default_factory=dict, repr=False)

    def picture(self, name: str, ending: str) -> bytes:
        """Return a picture as the bytes of a file, "png" or "svg"; drawn once."""
        if (name, ending) not in self._drawn:
            stream = io.BytesIO()
            figure = self.figures[name]
            if figure.get_layout_engine() is not None:  # laid out once, for all formats alike
                figure.draw_without_rendering()
                figure.set_layout_engine("none")
            matplotlib = require("matplotlib", extra="all", needed_by="pictures")
            with matplotlib.rc_context({"svg.hashsalt": name}):  # same results, same file
                figure.savefig(
                    stream, format=ending, metadata={"Date": None} if ending == "svg" else None
                )
            self._drawn[name, ending] = stream.getvalue()
        return self._drawn[name, ending]


def compare(
    results: Results,
    *,
    rival: str | None = None,
    precision: float = PRECISION,
    reveal_test: str | None = None,
) -> Comparison:
    """Work out everything that a report shows.

    Args:
        results: The results of a study.
        rival: Test this optimizer against all others, block by block.
        precision: Errors below it are equal in ranks and tests, >= 0.
        reveal_test: A test column to look up for the cells that tabular problems found.

    Raises:
        UnknownNameError: ``rival`` is no optimizer of the study.
        SettingError: ``reveal_test`` is set for a study without a tabular problem.
        MissingDependencyError: matplotlib is not installed.
    """
    precision = as_float("precision", precision, low=0)
    table = results.table("median", precision=precision)
    notices = _notices(results)
    pictures: dict[str, Figure] = {}
    try:
        diagram = figures.critical_difference(results, table)
        if diagram is not None:
            pictures["critical-difference"] = diagram
    except MissingDependencyError as missing:
        notices.append(str(missing))
    for num_dims in results.dims:
        pictures[f"ecdf-D{num_dims}"] = figures.solved_shares(results, num_dims=num_dims)
        pictures[f"profile-D{num_dims}"] = figures.profile(results, num_dims=num_dims)
        pictures[f"convergence-D{num_dims}"] = figures.convergence(results, num_dims=num_dims)
        spread = figures.diversity(results, num_dims=num_dims)
        if spread is not None:
            pictures[f"diversity-D{num_dims}"] = spread
    return Comparison(
        results=results,
        precision=precision,
        medians=table,
        ranks=mean_ranks(table) if len(table) else np.full(len(results.optimizers), math.nan),
        friedman=friedman(table),
        pairwise=pairwise_wilcoxon(table),
        against=against(results, rival, precision=precision) if rival else [],
        rival=rival,
        revealed=reveal(results, reveal_test) if reveal_test else [],
        notices=notices,
        figures=pictures,
    )


def _notices(results: Results) -> list[str]:
    study = results.study
    found = []
    if results.instances == "all" and study.tuning:
        found.append(
            f"This report mixes the tuning instances {_numbers(study.tuning)} with the reporting "
            f"instances {_numbers(study.reporting)}: settings were chosen on some of what it shows."
        )
    elif results.instances == "tuning":
        found.append(
            f"This report shows the tuning instances {_numbers(study.tuning)}: settings were "
            "chosen on them, so its numbers do not say how an optimizer does elsewhere."
        )
    if study.mixed_instances and results.instances != "tuning":
        found.append(
            f"The instances {_numbers(study.mixed_instances)} are both tuned and reported on."
        )
    if results.missing:
        found.append(f"The study is not complete: {results.missing:,} units are not run yet.")
    failures = results.failures()
    if failures:
        first = failures[0].record
        found.append(
            f"{len(failures):,} runs failed and rank last; the first: {first['optimizer']} on "
            f"{first['problem']}: {first['error']}"
        )
    left_out = len(results.blocks) - len(results.complete_blocks)
    if left_out:
        found.append(
            f"Ranks and tests leave out {left_out} blocks on which an optimizer has no run."
        )
    return found


def _numbers(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))


def reveal(results: Results, column: str) -> list[dict[str, Any]]:
    """Return what a test column says of the cells that each optimizer found in a table.

    Returns:
        A row an optimizer and block: runs; mean and standard deviation of the "valid" and "test"
        accuracies; the "best" test accuracy.

    Raises:
        UnknownNameError: The table has no such test column.
        SettingError: The study has no tabular problem.
    """
    rows = []
    for block in results.blocks:
        settings = results.study.problem(block.problem).settings
        if "table" not in settings:
            continue
        table = Table.read(settings["table"])
        one_of("--reveal-test", column, table.test_columns)
        for name in results.optimizers:
            cells = [run.record.get("found") for run in results.runs(name, block)]
            scores = [
                table.lookup(c, reveal_test=True) for c in cells if c is not None and c in table
            ]
            if scores:
                test = np.array([score[column] for score in scores])
                valid = np.array([score[settings["column"]] for score in scores])
                rows.append(
                    {
                        "optimizer": name,
                        "block": str(block),
                        "runs": len(test),
                        "valid": (valid.mean(), valid.std(ddof=1) if len(valid) > 1 else 0.0),
                        "test": (test.mean(), test.std(ddof=1) if len(test) > 1 else 0.0),
                        "best": test.max(),
                    }
                )
    if not rows:
        fix = "Leave it out."
        got = "a study without a tabular problem"
        raise SettingError(explain("--reveal-test", "cells found in a table", got, fix))
    return rows


def fixed_budget(results: Results) -> Iterator[dict[str, Any]]:
    """Yield a row for each block: statistics of the final errors of each optimizer."""
    for block in results.blocks:
        cells = {}
        for name in results.optimizers:
            errors = results.errors(name, block)
            if not len(errors):
                continue
            finite = errors[np.isfinite(errors)]
            cells[name] = {
                "median": float(np.median(errors)),
                "mean": float(finite.mean()) if len(finite) else math.inf,
                "std": float(finite.std(ddof=1)) if len(finite) > 1 else 0.0,
                "runs": len(errors),
                "failed": len(errors) - len(finite),
            }
        best = min(cell["median"] for cell in cells.values())
        for cell in cells.values():
            cell["best"] = cell["median"] <= best and math.isfinite(best)
        yield {"block": block, "cells": cells}


def running_times(results: Results) -> Iterator[dict[str, Any]]:
    """Yield a row for each block and shown target: expected running times and success counts."""
    for block in results.blocks:
        for target in SHOWN_TARGETS:
            cells = {}
            for name in results.optimizers:
                runs = results.runs(name, block)
                if runs:
                    successes = sum(math.isfinite(run.runtime(target)) for run in runs)
                    time = expected_running_time(results, name, block, target)
                    cells[name] = {"time": time, "successes": successes, "runs": len(runs)}
            best = min(cell["time"] for cell in cells.values())
            for cell in cells.values():
                cell["best"] = cell["time"] <= best and math.isfinite(best)
            if math.isfinite(best):
                yield {"block": block, "target": target, "cells": cells}


def number(value: float) -> str:
    """Return a number of three digits for a table.

    Example:
        >>> [number(v) for v in (0.0, 1234.5, 1.5e-9, float("inf"))]
        ['0', '1.23e+03', '1.50e-09', 'inf']
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.3g}" if 1e-2 <= abs(value) < 1e3 else f"{value:.2e}"


def write_pictures(
    comparison: Comparison, folder: Path | str, *, formats: Sequence[str] = ("png", "svg")
) -> list[Path]:
    """Write every picture in every format; return the files.

    Raises:
        RunError: The folder cannot be written.
    """
    folder = Path(folder)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name in comparison.figures:
        for ending in formats:
            files.append(folder / f"{name}.{ending}")
            replace_file(files[-1], comparison.picture(name, ending))
    return files


def write_page(comparison: Comparison, path: Path | str, *, title: str) -> Path:
    """Write the report as one HTML file without any reference to elsewhere.

    Raises:
        MissingDependencyError: jinja2 is not installed.
        RunError: The file cannot be written.
    """
    results = comparison.results
    images = {
        name: "data:image/svg+xml;base64,"
        + base64.b64encode(comparison.picture(name, "svg")).decode()
        for name in comparison.figures
    }
    known = available()
    text = render(
        "comparison.html.jinja",
        filters={"number": number},
        title=title,
        comparison=comparison,
        results=results,
        study=results.study,
        entries=[e for e in results.study.optimizers if e.label in results.optimizers],
        summaries={e.name: known.get(e.name, "") for e in results.study.optimizers},
        names=results.optimizers,
        ranking=sorted(
            zip(results.optimizers, comparison.ranks.tolist(), strict=True), key=lambda r: r[1]
        ),
        fixed_budget=list(fixed_budget(results)),
        running_times=list(running_times(results)),
        images=images,
        seconds=_seconds(results),
    )
    path = Path(path)
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text.encode())
    return path


def _seconds(results: Results) -> dict[str, float]:
    """Return the wall-clock of all runs by optimizer: shown, never ranked."""
    totals = dict.fromkeys(results.optimizers, 0.0)
    for name in totals:
        for block in results.blocks:
            runs = results.runs(name, block)
            totals[name] += sum(run.record["timing"].get("seconds", 0.0) for run in runs)
    return totals


def latex_table(comparison: Comparison) -> str:
    """Return the fixed-budget table as a LaTeX tabular (package booktabs): median (mean)."""
    results = comparison.results
    names = results.optimizers
    lines = [
        rf"\begin{{tabular}}{{ll{'r' * len(names)}}}",
        r"\toprule",
        " & ".join(["problem", "$D$", *map(_latex, names)]) + r" \\",
        r"\midrule",
    ]
    for row in fixed_budget(results):
        block: Block = row["block"]
        cells = [_latex_cell(row["cells"].get(name)) for name in names]
        lines.append(" & ".join([_latex(block.problem), str(block.num_dims), *cells]) + r" \\")
    ranks = [f"{rank:.2f}" for rank in comparison.ranks]
    lines += [r"\midrule", " & ".join(["mean rank", "", *ranks]) + r" \\"]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _latex(text: str) -> str:
    special = {"_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$"}
    return "".join(special.get(letter, letter) for letter in text)


def _latex_cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "--"
    text = f"{number(cell['median'])} ({number(cell['mean'])})"
    return rf"\textbf{{{text}}}" if cell["best"] else text
