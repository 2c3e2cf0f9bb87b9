"""Results in the forms that the field's own tools read: COCO's and IOHprofiler's.

Both get what the store holds: the first crossing of each of 20 levels a decade, and the run's end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from swarmnas import __version__, problems
from swarmnas.atomic import replace_file, writing
from swarmnas.bench.results import Block, Results, Run
from swarmnas.bench.study import file_name
from swarmnas.checks import explain
from swarmnas.errors import SettingError

__all__ = ["FORMATS", "to_coco", "to_iohanalyzer"]


def to_coco(results: Results, folder: Path | str) -> list[Path]:
    """Write one folder an optimizer in the form that ``cocopp`` reads.

    Runs of one instance with several seeds are several entries of that instance. Blocks whose
    problem is no BBOB function are left out.

    Returns:
        The folders.

    Raises:
        SettingError: The study has no BBOB problem.
        RunError: The folder cannot be written.
    """
    blocks = [
        (number, block) for block in results.blocks if (number := _bbob_number(results, block))
    ]
    if not blocks:
        fix = "Use --suite bbob."
        raise SettingError(explain("COCO export", "BBOB problems", "none in the study", fix))
    folders = []
    for name in results.optimizers:
        home = Path(folder) / file_name(name)
        infos: dict[int, list[str]] = {}
        for number, block in blocks:
            data = f"data_f{number}/bbobexp_f{number}_DIM{block.num_dims}.dat"
            runs = results.runs(name, block)
            if not runs:
                continue
            lines, entries = [], []
            for run in runs:
                lines += _coco_run(results, block, run)
                final = max(float(run.record["best_error"]), 0.0)
                entries.append(f"{run.record['instance']}:{run.evaluations}|{final - 1e-8:.1e}")
            _write(home / data, lines)
            _write(home / data.replace(".dat", ".tdat"), lines)
            infos.setdefault(number, []).append(
                f"suite = 'bbob', funcId = {number}, DIM = {block.num_dims}, "
                f"Precision = 1.000e-08, algId = '{name}', coco_version = '2.8.2', "
                "logger = 'bbob', data_format = 'bbob-new2', settings = ''\n"
                f"% exported by swarmnas {__version__}\n{data}, {', '.join(entries)}"
            )
        for number, info in infos.items():
            _write(home / f"bbobexp_f{number}.info", info)
        folders.append(home)
    return folders


def _bbob_number(results: Results, block: Block) -> int | None:
    name = results.study.problem(block.problem).name
    return int(name.removeprefix("bbob-f")) if name.startswith("bbob-f") else None


def _points(run: Run) -> Iterator[tuple[int, float]]:
    """Yield evaluation count and best error so far at each recorded improvement and the end."""
    hits = run.record["hits"]
    last = 0
    for at, error in zip(hits["at"], hits["error"], strict=True):
        yield at, float(error)
        last = at
    if run.evaluations > last:
        yield run.evaluations, float(run.record["best_error"])


def _coco_run(results: Results, block: Block, run: Run) -> list[str]:
    minimum = problems.create(
        results.study.problem(block.problem).name,
        num_dims=block.num_dims,
        instance=run.record["instance"],
    ).minimum
    head = (
        "% f evaluations | g evaluations | best noise-free fitness - Fopt "
        f"({minimum:.12e}) + sum g_i+ | measured fitness | best measured fitness or single-digit "
        "g-values | x1 | x2..."
    )
    return [head] + [
        f"{at} 0 {error:+.16e} {minimum + error:+.9e} {minimum + error:+.9e}"
        for at, error in _points(run)
    ]


def to_iohanalyzer(results: Results, folder: Path | str) -> list[Path]:
    """Write one folder an optimizer in the form of IOHprofiler, read by IOHanalyzer.

    The recorded values are errors, so the optimum of every function is 0.

    Returns:
        The folders.

    Raises:
        RunError: The folder cannot be written.
    """
    numbers = {entry.label: k for k, entry in enumerate(results.study.problems, start=1)}
    folders = []
    for name in results.optimizers:
        home = Path(folder) / file_name(name)
        for problem, number in numbers.items():
            blocks = [b for b in results.blocks if b.problem == problem and results.runs(name, b)]
            if not blocks:
                continue
            label = file_name(problem)
            scenarios = []
            for block in blocks:
                data = f"data_f{number}_{label}/IOHprofiler_f{number}_DIM{block.num_dims}.dat"
                lines, entries = [], []
                for run in results.runs(name, block):
                    points = list(_points(run))
                    lines += ["evaluations raw_y", *(f"{at} {error:.10e}" for at, error in points)]
                    best = points[-1] if points else (0, float("inf"))
                    entries.append(
                        {
                            "instance": run.record["instance"],
                            "evals": run.evaluations,
                            "best": {"evals": best[0], "y": best[1], "x": []},
                        }
                    )
                _write(home / data, lines)
                scenarios.append({"dimension": block.num_dims, "path": data, "runs": entries})
            described: Mapping[str, Any] = {
                "version": "0.3.22",
                "suite": results.study.suite or "swarmnas",
                "function_id": number,
                "function_name": label,
                "maximization": False,
                "algorithm": {"name": name, "info": f"swarmnas {__version__}"},
                "attributes": ["evaluations", "raw_y"],
                "scenarios": scenarios,
            }
            _write(home / f"IOHprofiler_f{number}_{label}.json", json.dumps(described, indent=1))
        folders.append(home)
    return folders


def _write(path: Path, content: str | list[str]) -> None:
    text = content if isinstance(content, str) else "\n".join(content) + "\n"
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text.encode())


FORMATS: dict[str, Callable[[Results, Path | str], list[Path]]] = {
    "coco": to_coco,
    "iohanalyzer": to_iohanalyzer,
}
