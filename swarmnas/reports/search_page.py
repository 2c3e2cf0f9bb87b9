"""The report of a search: one HTML file that opens from a disk, finished search or not.

The page is our own small SVG and script, not plotly: plotly's script alone weighs 4.5 MB a file and
its charts cannot be walked by keyboard. What the page shows travels in it as JSON, in the same form
that ``swarmnas watch --open`` sends while a search runs.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from swarmnas import documents
from swarmnas.atomic import replace_file, writing
from swarmnas.checks import as_int, explain
from swarmnas.errors import SettingError, SwarmNASError, SwarmNASWarning
from swarmnas.phases import Action, Decision, FreezeOperations, Policy, Signals, policies
from swarmnas.phases.explanation import told
from swarmnas.reports.candidates import Round, read_tried, rounds_of
from swarmnas.reports.pages import render
from swarmnas.runs import RunDirectory
from swarmnas.spaces import Genotype, Space
from swarmnas.spaces import create as create_space
from swarmnas.spaces.alphas import softmax

__all__ = ["REPORT", "SearchRecords", "page_data", "render_report", "write_report"]

REPORT = "report.html"
"""The file's name in a run directory."""

SAID = ("table.json", "comparison.json")
"""Files of a run that say how good its cell is: an object with a title and rows."""

CURVES = ("train_loss", "valid_loss", "valid_accuracy", "diversity", "entropy")


Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Generation(BaseModel):
    points: list[tuple[Finite, Finite]]
    parents: list[int]
    nearest: int


class _Traced(BaseModel):
    """What the record of an epoch holds beside the signals; earlier versions wrote none of it."""

    model_config = ConfigDict(extra="ignore")

    alphas: dict[str, list[list[Finite]]] = {}
    point: tuple[Finite, Finite] | None = None
    swarm: list[_Generation] = []

    @field_validator("alphas")
    @classmethod
    def _are_tables(cls, alphas: dict[str, list[list[float]]]) -> dict[str, list[list[float]]]:
        for rows in alphas.values():
            lengths = {len(row) for row in rows}
            if len(lengths) != 1 or 0 in lengths:
                raise ValueError("expected rows of one length, at least one")
        return alphas


class _Said(BaseModel):
    model_config = ConfigDict(extra="ignore")

    title: str
    rows: list[dict[str, str | int | float | None]]


class _Evaluation(BaseModel):
    model_config = ConfigDict(extra="ignore")

    split: str = ""
    accuracy: float | None = None
    loss: float | None = None
    parameters: int | None = None

    def measured(self) -> Iterator[tuple[str, float | int | None]]:
        yield from (pair for pair in self if pair[0] != "split")


class SearchRecords:
    """The records of a search on disk, finished, broken off or running; reading needs no lock.

    Args:
        path: The run directory.

    Raises:
        RunError: It holds no search.
        DocumentError: A record is not one of a search.
    """

    def __init__(self, path: Path | str) -> None:
        run = RunDirectory.open(path, kind="search")
        self.path = run.path
        self._given = path
        source = str(run.path / "config.toml")
        self.config: dict[str, Any] = run.config["search"]
        self.policy = documents.validate(Policy, run.config.get("policy"), source=source)
        self.versions = run.versions
        self._trainings: list[dict[str, Any]] = []
        with warnings.catch_warnings():  # a running search may be writing the last line
            warnings.simplefilter("ignore", SwarmNASWarning)
            records = run.history()
        epochs = [record for record in records if record.get("kind") == "epoch"]
        self.signals = [Signals.from_json(record) for record in epochs]
        history = str(run.path / "history.jsonl")
        self._traced = [documents.validate(_Traced, record, source=history) for record in epochs]
        self.decisions = _decided(records, "decision")
        """The epoch after which each was taken, and the decision."""
        self._divergences = [(at - 1, found) for at, found in _decided(records, "divergence")]
        self._tried = read_tried(records, source=history)

    @property
    def finished(self) -> bool:
        """Whether the policy stopped the search and its genotype was written."""
        stopped = bool(self.decisions) and self.decisions[-1][1].stop
        return stopped and (self.path / "genotype.json").exists()

    @property
    def rounds(self) -> list[Round]:
        """The candidates that the search trained at its end, if it did, round by round."""
        if not self._tried:
            return []  # without a look at files that other readers of the records do not need
        return rounds_of(
            self._tried,
            space=_known_space(str(self.config.get("space"))),
            first="as it was read out" if self._read_out_first else "the first of them",
            answer=self._genotype().to_text() if self.finished else None,
        )

    @property
    def _read_out_first(self) -> bool:
        """Whether the first candidate is the genotype read out: limits may bar that."""
        limited = {"max_parameters", "max_flops"} & set(self.config)
        last = [signals.genotype for signals in self.signals[-1:]]
        return not limited or [tried.genotype for tried in self._tried[:1]] == last

    def add(self, training: TrainingRecords) -> bool:
        """Show a training beside the search if it is of the cell found; return whether it is."""
        found = self.finished and self._genotype() == training.genotype
        self._trainings += [training.row] if found else []
        return found

    def to_json(self) -> dict[str, Any]:
        """Return what the page shows, as plain data."""
        space = _known_space(str(self.config.get("space")))
        return {
            "name": self.path.name,
            "path": str(self._given),
            "finished": self.finished,
            "planned": self.policy.epochs,
            "facts": self._facts(),
            "phases": list(self._stays()),
            "epochs": [signals.epoch for signals in self.signals],
            "curves": {
                name: [_number(getattr(signals, name)) for signals in self.signals]
                for name in CURVES
            },
            "probes": self._probes(),
            "decisions": list(self._decisions()),
            "cells": self._cells(space),
            "mixing": [_mixing(traced.alphas) for traced in self._traced],
            "points": [traced.point for traced in self._traced],
            "genotypes": [signals.genotype for signals in self.signals],
            "swarm": list(self._generations()),
            "found": self._found(space),
            "candidates": self._candidates(),
            "said": list(self._said()),
            "settings": {name: str(value) for name, value in sorted(self.config.items())},
            "versions": self.versions,
            "repeat": self._repeat(),
        }

    def _facts(self) -> dict[str, str]:
        last = self.signals[-1] if self.signals else None
        facts = {
            "space": str(self.config.get("space")),
            "data set": Path(str(self.config.get("dataset"))).name,
            "policy": self.policy.name,
            "seed": str(self.config.get("seed")),
        }
        if last is not None:
            facts["epochs"] = f"{last.epoch} of {self.policy.epochs} planned"
            facts["time"] = _duration(last.seconds)
            facts["evaluations"] = f"{last.evaluations:,}"
            if last.valid_accuracy is not None:
                facts["validation accuracy"] = f"{last.valid_accuracy:.2%}"
        return facts

    def _stays(self) -> Iterator[dict[str, Any]]:
        """Yield each stay in a phase: its epochs, who moves the alphas, and why it ended."""
        reasons = {epoch: decision.reason for epoch, decision in self.decisions}
        starts = [i for i, signals in enumerate(self.signals) if signals.phase_epochs == 1]
        for start, end in pairwise([*starts, len(self.signals)]):
            first, last = self.signals[start], self.signals[end - 1]
            phase = self.policy[first.phase]
            ended = end < len(self.signals) or self.finished
            yield {
                "name": phase.name,
                "alphas": phase.alphas,
                "optimizer": phase.optimizer if "optimizer" in phase.settings() else None,
                "first": first.epoch,
                "last": last.epoch,
                "ended": reasons.get(last.epoch, "").partition(": ")[2] if ended else None,
            }

    def _probes(self) -> dict[str, list[float | None]]:
        """Return the costly readings that are one number an epoch, by name."""
        names = {
            name
            for signals in self.signals
            for name, value in signals.probes.items()
            if isinstance(value, float)
        }
        return {
            name: [_number(signals.probes.get(name)) for signals in self.signals]
            for name in sorted(names)
        }

    def _decisions(self) -> Iterator[dict[str, Any]]:
        phase: str | None = None
        for epoch, decision in sorted(
            [*self.decisions, *self._divergences], key=lambda decided: decided[0]
        ):
            yield {
                "epoch": epoch,
                "switch": decision.phase != phase or decision.stop,
                "diverged": (epoch, decision) in self._divergences,
                "reason": decision.reason,
                "actions": [text for text in map(_action, decision.actions) if text],
            }
            phase = decision.phase

    def _cells(self, space: Space | None) -> list[dict[str, Any]]:
        """Return the names of each cell's rows and columns; numbers where the space is unknown."""
        shapes = next((traced.alphas for traced in self._traced if traced.alphas), {})
        found = []
        for name, rows in shapes.items():
            cell = None if space is None else space.cells.get(name)
            if cell is None or cell.shape != (len(rows), len(rows[0])):
                edges = [str(edge) for edge in range(len(rows))]
                operations = [[str(column) for column in range(len(rows[0]))]] * len(rows)
            else:
                edges = [f"{edge.source} → {edge.target}" for edge in cell.edges]
                operations = [list(cell.operations_of(edge)) for edge in range(len(rows))]
            found.append({"name": name, "edges": edges, "operations": operations})
        return found

    def _generations(self) -> Iterator[dict[str, Any]]:
        """Yield the recorded generations; ``fresh`` says that one does not follow the one before.

        A fresh one's parents are particles that no record shows.
        """
        broken = {
            epoch
            for epoch, decision in self.decisions
            if any(action.kind in ("reseed-swarm", "roll-back") for action in decision.actions)
        }
        before: int | None = None
        for signals, traced in zip(self.signals, self._traced, strict=True):
            for generation in traced.swarm:
                fresh = before is None or bool(broken & set(range(before, signals.epoch)))
                yield {
                    "epoch": signals.epoch,
                    "fresh": fresh,
                    "points": generation.points,
                    "parents": [] if fresh else generation.parents,
                    "nearest": generation.nearest,
                }
                before = signals.epoch

    def _found(self, space: Space | None) -> dict[str, Any] | None:
        """Return the genotype to draw: the found one, or that of the last epoch."""
        if self.finished:
            genotype = self._genotype()
        else:
            text = self.signals[-1].genotype if self.signals else None
            if text is None or space is None:
                return None if text is None else {"text": text, "cells": {}}
            genotype = space.parse(text)
        inputs = {} if space is None else {n: c.num_inputs for n, c in space.cells.items()}
        concatenated = [n for n, c in space.cells.items() if c.output == "concat"] if space else []
        return {
            "text": genotype.to_text(),
            "cells": {
                name: {
                    "choices": [list(choice) for choice in choices],
                    "inputs": inputs.get(name, 1),
                    "concat": name in concatenated,
                }
                for name, choices in genotype.cells
            },
        }

    def _candidates(self) -> dict[str, Any] | None:
        """Return the rounds of candidates as tables, and what their changes are told against."""
        if not self._tried:
            return None
        return {
            "first": self._tried[0].genotype,
            "read_out": self._read_out_first,
            "rounds": [
                {
                    "title": tried.title,
                    "columns": ["loss", "accuracy", "outcome", "genotype"],
                    "rows": [[c.loss, c.accuracy, c.outcome, c.change] for c in tried.candidates],
                }
                for tried in self.rounds
            ],
        }

    def _genotype(self) -> Genotype:
        source = self.path / "genotype.json"
        found = documents.parse_json(documents.read_text(source), source=str(source))
        return Genotype.from_json(found.get("genotype") if isinstance(found, dict) else found)

    def _said(self) -> Iterator[dict[str, Any]]:
        """Yield what tables and trainings say of the found cell, a table each."""
        if self._trainings:
            yield _table("Trained from scratch", self._trainings)
        for name in SAID:
            path = self.path / name
            if not path.exists():
                continue
            found = documents.parse_json(documents.read_text(path), source=str(path))
            said = documents.validate(_Said, found, source=str(path))
            yield _table(said.title, said.rows)

    def _repeat(self) -> dict[str, Any]:
        """Return what repeats the run: files to save, and the command."""
        files = {"config.toml": documents.read_text(self.path / "config.toml")}
        command = "swarmnas search --config config.toml"
        if self.config.get("policy") not in policies:
            files["policy.toml"] = self.policy.to_toml()
            command += " --policy policy.toml"
        return {"files": files, "command": command}


class TrainingRecords:
    """What a training of a found cell says: a row of numbers.

    Args:
        run: The run directory of a training.
    """

    def __init__(self, run: RunDirectory) -> None:
        self.path = run.path
        held = run.config.get("genotype")
        self.genotype = Genotype.from_json(held.get("json") if isinstance(held, dict) else held)
        last: dict[str, Any] = next(
            (r for r in reversed(run.history()) if r.get("kind") == "epoch"), {}
        )
        path = run.path / "evaluation.json"
        evaluation = _Evaluation()
        if path.exists():
            read = documents.parse_json(documents.read_text(path), source=str(path))
            evaluation = documents.validate(_Evaluation, read, source=str(path))
        found = {
            "training": run.path.name,
            **{name: last.get(name) for name in ("epoch", "train_loss", "valid_accuracy")},
            **{f"{evaluation.split} {name}": value for name, value in evaluation.measured()},
        }
        self.row = {name: value for name, value in found.items() if value is not None}


def render_report(runs: Sequence[SearchRecords], *, live: bool = False) -> str:
    """Return the page of one search, or of several side by side, as HTML.

    Args:
        runs: What it shows, at least one.
        live: The page asks the server that it came from for news.
    """
    names = ", ".join(run.path.name for run in runs)
    return render(
        "search.html.jinja",
        title=f"Search {names}" if len(runs) == 1 else f"Searches {names}",
        data=_for_script(page_data(runs, live=live)),
    )


def page_data(runs: Sequence[SearchRecords], *, live: bool = False) -> dict[str, Any]:
    """Return what :func:`render_report` puts into the page."""
    return {"live": live, "runs": [run.to_json() for run in runs]}


def write_report(paths: Sequence[Path | str], out: Path | str | None = None) -> Path:
    """Write the report of one search, or of several side by side, as one HTML file.

    Args:
        paths: Run directories of searches, at least one, and of trainings of the cells that they
            found.
        out: The file; by default ``report.html``, in the run directory of a single search and in
            the working directory for several.

    Returns:
        The file's path.

    Raises:
        SettingError: There is no search, or a training is of another cell.
        RunError: A directory holds neither, or the file cannot be written.
    """
    trained = {path: run for path in paths if "training" in (run := RunDirectory.open(path)).config}
    runs = [SearchRecords(path) for path in paths if path not in trained]
    if not runs:
        raise SettingError(
            explain("runs", "at least one search", "none", "Name the directory of a search.")
        )
    for path, run in trained.items():
        training = TrainingRecords(run)
        shown = [search.add(training) for search in runs]
        if not any(shown):
            raise SettingError(
                explain(
                    str(path),
                    "the training of a cell that one of the searches found",
                    training.genotype.to_text(),
                    "Leave it out, or add its search.",
                )
            )
    if out is None:
        out = runs[0].path / REPORT if len(runs) == 1 else REPORT
    path = Path(out).absolute()
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, render_report(runs).encode())
    return path


def _for_script(data: Mapping[str, Any]) -> str:
    """Return JSON that can stand in a script element: no text of a run can close it."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _known_space(name: str) -> Space | None:
    """Return the space of that name; ``None`` where the package that brought it is missing."""
    try:
        return create_space(name)
    except SwarmNASError:
        return None


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    columns.sort(key=lambda column: column == "genotype")  # long: figures stand before it
    shown = [[_shown(row.get(column)) for column in columns] for row in rows]
    return {"title": title, "columns": columns, "rows": shown}


def _decided(records: list[dict[str, Any]], kind: str) -> list[tuple[int, Decision]]:
    return [
        (as_int("epoch", record.get("epoch", 0), low=0), Decision.from_json(record))
        for record in records
        if record.get("kind") == kind
    ]


def _action(action: Action) -> str | None:
    if isinstance(action, FreezeOperations):
        return f"these weights freeze: {', '.join(action.operations)}"
    return told(action)


def _mixing(alphas: Mapping[str, list[list[float]]]) -> dict[str, Any]:
    return {
        name: np.round(softmax(np.asarray(rows, np.float64)), 3).tolist()
        for name, rows in alphas.items()
    }


def _number(value: object) -> float | None:
    known = isinstance(value, int | float) and math.isfinite(value)
    return float(f"{value:.6g}") if known else None


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} h" if hours else f"{minutes}:{rest:02d} min"
