"""The records of a study, arranged for statistics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, model_validator

from swarmnas import documents
from swarmnas.bench.objective import checkpoints
from swarmnas.bench.study import Study, Unit
from swarmnas.checks import explain, one_of
from swarmnas.errors import RunError, SettingError
from swarmnas.runs import RunDirectory

__all__ = ["Block", "Results", "Run", "stored"]


@dataclass(frozen=True)
class Block:
    """One problem in one size: what optimizers are compared on."""

    problem: str
    num_dims: int
    budget: int

    def __str__(self) -> str:
        return f"{self.problem}, D={self.num_dims}"


class _Hits(BaseModel):
    at: list[int]
    error: list[float]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.at) != len(self.error):
            raise SettingError(explain("hits", "pairs", "lists of two lengths", "Mend the record."))
        return self


class _Checkpoints(BaseModel):
    error: list[float]
    diversity: list[float | None]


class _Record(BaseModel):
    """What every unit records; more may stand there."""

    unit: str
    optimizer: str
    problem: str
    num_dims: int
    instance: int
    seed: int
    purpose: Literal["reporting", "tuning"]
    status: Literal["ok", "failed"]
    evaluations: int
    best_error: float
    hits: _Hits
    checkpoints: _Checkpoints
    timing: dict[str, float]

    def is_of(self, unit: Unit, at: Sequence[int]) -> bool:
        """Tell whether a unit that is looked at after so many evaluations can have recorded it."""
        longest = max(len(self.checkpoints.error), len(self.checkpoints.diversity))
        same = all(getattr(self, name) == value for name, value in asdict(unit).items())
        return same and longest <= len(at)


def stored(store: RunDirectory, study: Study) -> list[dict[str, Any]]:
    """Return the records of a store.

    Raises:
        DocumentError: A record lacks something, or it has another form.
        RunError: A record is of no unit of the study, a unit has two, or the file was altered.
    """
    records = store.history()
    units = {unit.key: unit for unit in study.units()}
    for number, record in enumerate(records, start=1):
        source = f"{store.path}, record {number}"
        found = documents.validate(_Record, record, source=source)
        unit = units.pop(found.unit, None)  # a second record of it is of none
        if unit is None or not found.is_of(unit, checkpoints(study.evaluations(unit.num_dims))):
            got = repr(found.unit[:60])
            fix = "The file was altered: restore it, or run the study again."
            raise RunError(explain(source, "the only record of a unit of the study", got, fix))
    return records


@dataclass(frozen=True)
class Run:
    """One run of one optimizer: what its unit recorded."""

    record: Mapping[str, Any]

    @property
    def failed(self) -> bool:
        """Whether the optimizer raised, or its process died."""
        return bool(self.record["status"] == "failed")

    @property
    def error(self) -> float:
        """The best error; infinite where the run failed, whatever it had reached."""
        return math.inf if self.failed else float(self.record["best_error"])

    @property
    def evaluations(self) -> int:
        """Evaluations spent."""
        return int(self.record["evaluations"])

    def runtime(self, target: float) -> float:
        """Return the evaluations until an error of at most ``target``; infinite if never."""
        hits = self.record["hits"]
        for at, error in zip(hits["at"], hits["error"], strict=True):
            if float(error) <= target:
                return float(at)
        return math.inf


class Results:
    """The records of a study by optimizer and block.

    Args:
        study: The study.
        records: Its records, in any order.
        instances: "reporting", "tuning" or "all".
        versions: What the records were made with, by name.

    Raises:
        RunError: There is no record.
    """

    def __init__(
        self,
        study: Study,
        records: Iterable[Mapping[str, Any]],
        *,
        instances: str = "reporting",
        versions: Mapping[str, str] | None = None,
    ) -> None:
        one_of("instances", instances, ("reporting", "tuning", "all"))
        self.study = study
        self.instances = instances
        self.versions = dict(versions or {})
        order = {unit.key: rank for rank, unit in enumerate(study.units())}
        kept = [r for r in records if instances in ("all", r["purpose"])]
        self._runs: dict[tuple[str, str, int], list[Run]] = {}
        for record in sorted(kept, key=lambda r: order[r["unit"]]):
            key = (record["optimizer"], record["problem"], record["num_dims"])
            self._runs.setdefault(key, []).append(Run(record))
        if not self._runs:
            raise RunError(
                explain(
                    f"records of {instances} instances", "one or more", "none", "Run the study."
                )
            )
        wanted = [u for u in study.units() if instances in ("all", u.purpose)]
        self.missing = len(wanted) - len(kept)
        """Units that are not run yet."""

    @classmethod
    def read(cls, path: Path | str, *, instances: str = "reporting") -> Results:
        """Return the results in a store.

        Raises:
            RunError: ``path`` is no store of the bench.
        """
        store = RunDirectory.open(path)
        if "study" not in store.config:
            fix = "Name a directory that `swarmnas bench run` wrote."
            raise RunError(explain(str(path), "a store of the bench", "another run", fix))
        study = Study.from_mapping(store.config["study"], source=str(path))
        versions = store.config.get("versions", {})
        if not isinstance(versions, Mapping):
            fix = "Restore the file, or run the study anew."
            raise RunError(explain(f"{path}, versions", "a table", type(versions).__name__, fix))
        records = stored(store, study)
        made_with = {name: str(version) for name, version in versions.items()}
        return cls(study, records, instances=instances, versions=made_with)

    @property
    def optimizers(self) -> list[str]:
        """Labels, in the study's order, of those with runs."""
        seen = {optimizer for optimizer, _, _ in self._runs}
        return [entry.label for entry in self.study.optimizers if entry.label in seen]

    @cached_property
    def blocks(self) -> list[Block]:
        """Problems and sizes with runs, in the study's order."""
        seen = {(problem, num_dims) for _, problem, num_dims in self._runs}
        return [
            Block(entry.label, num_dims, self.study.evaluations(num_dims))
            for entry in self.study.problems
            for num_dims in self.study.dims_of(entry)
            if (entry.label, num_dims) in seen
        ]

    @property
    def dims(self) -> list[int]:
        """Sizes with runs, ascending."""
        return sorted({block.num_dims for block in self.blocks})

    def runs(self, optimizer: str, block: Block) -> list[Run]:
        """Return the runs of an optimizer on a block, by instance and seed."""
        return self._runs.get((optimizer, block.problem, block.num_dims), [])

    def errors(self, optimizer: str, block: Block) -> NDArray[np.float64]:
        """Return the final errors ``(runs,)``; failures are infinite."""
        return np.array([run.error for run in self.runs(optimizer, block)])

    def failures(self) -> list[Run]:
        """Return all failed runs."""
        return [run for runs in self._runs.values() for run in runs if run.failed]

    def curves(self, optimizer: str, block: Block, key: str) -> tuple[list[int], Any]:
        """Return what was recorded at the checkpoints.

        Args:
            optimizer: Its label.
            block: The block.
            key: "error" or "diversity".

        Returns:
            The evaluation counts, and ``(runs, counts)`` numbers. After a run's end its last
            error stands; a diversity that is not known is NaN.
        """
        at = checkpoints(block.budget)
        rows = np.full((len(self.runs(optimizer, block)), len(at)), math.nan)
        for row, run in zip(rows, self.runs(optimizer, block), strict=True):
            values = [math.nan if v is None else float(v) for v in run.record["checkpoints"][key]]
            row[: len(values)] = values
            if key == "error":
                row[len(values) :] = float(run.record["best_error"])
        return at, rows

    def table(self, statistic: str = "median", *, precision: float = 0.0) -> NDArray[np.float64]:
        """Return one number for each block and optimizer, ``(blocks, optimizers)``.

        Args:
            statistic: "median" or "mean" of the final errors; failures are infinite.
            precision: Errors below it are equal: they count as it.
        """
        reduce = {"median": np.median, "mean": np.mean}[one_of("statistic", statistic, STATISTICS)]
        rows = [
            [self._reduced(reduce, name, block, precision) for name in self.optimizers]
            for block in self.complete_blocks
        ]
        return np.array(rows, dtype=float).reshape(len(rows), len(self.optimizers))

    def _reduced(self, reduce: Any, name: str, block: Block, precision: float) -> float:
        return float(reduce(np.maximum(self.errors(name, block), precision)))

    @cached_property
    def complete_blocks(self) -> list[Block]:
        """Blocks on which every optimizer has a run."""
        return [b for b in self.blocks if all(self.runs(name, b) for name in self.optimizers)]


STATISTICS: Sequence[str] = ("median", "mean")
