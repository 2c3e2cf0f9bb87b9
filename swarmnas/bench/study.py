"""A study: optimizers x problems x dimensions x instances x seeds, as data."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from swarmnas import documents, problems, spaces
from swarmnas.bench.catalogue import check_name
from swarmnas.checks import explain
from swarmnas.errors import SettingError, UnknownNameError
from swarmnas.rng import seed_sequence

__all__ = ["OptimizerEntry", "ProblemEntry", "Study", "Unit"]

TABULAR = "tabular"
"""The problem that reads a table of trained cells; its settings are ``table`` and ``column``."""

MAX_UNITS = 10_000_000
"""Largest study; its units are listed in memory."""

T = TypeVar("T")
Label = Annotated[str, Field(pattern=r"^[^|\s][^|\n]{0,79}$")]
Count = Annotated[int, Field(ge=1, le=10**12, strict=True)]
Instances = Annotated[list[Annotated[int, Field(ge=0, strict=True)]], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OptimizerEntry(_Strict):
    """One optimizer of a study; a plain name in TOML stands for one with its defaults."""

    name: str
    label: Label = ""
    """What reports call it; the name unless given."""
    population_size: Count | None = None
    settings: dict[str, Any] = {}

    @field_validator("name")
    @classmethod
    def _is_known(cls, name: str) -> str:
        return _known(check_name, name)

    @model_validator(mode="before")
    @classmethod
    def _label_is_name(cls, data: Any) -> Any:
        return _labelled(data)


class ProblemEntry(_Strict):
    """One problem of a study; a plain name in TOML stands for one with its defaults."""

    name: str
    label: Label = ""
    """What reports call it; the name unless given."""
    settings: dict[str, Any] = {}

    @field_validator("name")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name != TABULAR:
            _known(problems.problems.load, name)
        return name

    @model_validator(mode="before")
    @classmethod
    def _label_is_name(cls, data: Any) -> Any:
        return _labelled(data)


def _known(look_up: Callable[[str], T], name: str) -> T:
    try:
        return look_up(name)
    except UnknownNameError as cause:  # pydantic passes on what is a ValueError
        raise SettingError(str(cause)) from cause


def _labelled(data: Any) -> Any:
    if isinstance(data, str):
        return {"name": data, "label": data}
    if isinstance(data, Mapping) and "name" in data:
        return {"label": data["name"], **data}
    return data


@dataclass(frozen=True)
class Unit:
    """One run of one optimizer on one problem."""

    optimizer: str
    """The label."""
    problem: str
    """The label."""
    num_dims: int
    instance: int
    seed: int
    """The number of the repetition, from 0; what is drawn from is :meth:`Study.seed_of`."""
    purpose: Literal["reporting", "tuning"]

    @property
    def key(self) -> str:
        """The unit's identity within its study."""
        return "|".join(map(str, list(asdict(self).values())[:5]))


class Study(_Strict):
    """What is compared, and on what.

    Example:
        >>> study = Study.from_mapping(
        ...     {"suite": "classic", "dims": [10], "optimizers": ["cso", "pso"], "seeds": 5}
        ... )
        >>> len(list(study.units())) == len(study.problems) * 2 * 5
        True
    """

    suite: str | None = None
    """A suite; its problems come before those of ``problems``, unless named there too."""
    problems: list[ProblemEntry] = []
    dims: Annotated[list[Count], Field(min_length=1)]
    optimizers: Annotated[list[OptimizerEntry], Field(min_length=1)]
    seeds: Count = 15
    """Repetitions on each instance."""
    reporting: Instances = [1]
    """Instances that a report shows."""
    tuning: list[Annotated[int, Field(ge=0, strict=True)]] = []
    """Instances on which settings were or are chosen; a report leaves them out."""
    budget_per_dim: Count = 1000
    """Evaluations of one run, for each dimension."""
    budget: Count | None = None
    """Evaluations of one run, whatever its dimension; comes before ``budget_per_dim``."""
    stop_error: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """A run ends at an error of at most this; ``None`` always spends the budget."""
    max_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """A run that takes longer is recorded as a failure; checked at each evaluation."""
    seed: Annotated[int, Field(ge=0, strict=True)] = 0

    @model_validator(mode="before")
    @classmethod
    def _with_suite(cls, data: Any) -> Any:
        given = data.get("problems", []) if isinstance(data, Mapping) else None
        if not isinstance(given, list | tuple) or not isinstance(data.get("suite"), str):
            return data  # what is wrong with it, the checks of the fields say
        labels = [_labelled(entry).get("label") for entry in given if isinstance(entry, str | dict)]
        suite = _known(problems.suite, data["suite"])
        more = [name for name in suite if name not in labels]
        return {**data, "problems": [*more, *given]}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.problems:
            fix = "Name a suite, or problems."
            raise SettingError(explain("problems", "one problem or more", "none", fix))
        for field in ("problems", "optimizers"):
            labels = [entry.label for entry in getattr(self, field)]
            twice = next((label for label in labels if labels.count(label) > 1), None)
            if twice is not None:
                fix = 'Give one of them another label = "...".'
                raise SettingError(explain(field, "every label once", f"{twice!r} twice", fix))
        for field in ("dims", "reporting", "tuning"):
            values = getattr(self, field)
            if len(set(values)) < len(values):
                raise SettingError(explain(field, "each number once", values, "Drop one."))
        instances = len({*self.reporting, *self.tuning}) * self.seeds
        units = len(self.problems) * len(self.dims) * len(self.optimizers) * instances
        if units > MAX_UNITS:
            fix = "Split the study."
            raise SettingError(explain("study", f"at most {MAX_UNITS:,} units", f"{units:,}", fix))
        return self

    @classmethod
    def from_mapping(
        cls, data: Mapping[str, Any], *, source: str = "study", text: str | None = None
    ) -> Self:
        """Return the study that TOML data describe.

        Raises:
            DocumentError: A field is unknown or has a wrong value; the message has the nearest.
        """
        return documents.validate(cls, data, source=source, text=text)

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Return the study of a TOML file.

        Raises:
            DocumentError: As :meth:`from_mapping`, with the line.
        """
        text = documents.read_text(path)
        data = documents.parse_toml(text, source=str(path))
        return cls.from_mapping(data, source=str(path), text=text)

    def to_mapping(self) -> dict[str, Any]:
        """Return the study as TOML data; :meth:`from_mapping` returns an equal study."""
        return self.model_dump(exclude_none=True)

    def units(self) -> Iterator[Unit]:
        """Yield every unit, all optimizers of one problem, instance and seed side by side."""
        purposes: dict[int, Literal["reporting", "tuning"]] = dict.fromkeys(self.tuning, "tuning")
        purposes |= dict.fromkeys(self.reporting, "reporting")
        for problem in self.problems:
            for num_dims in self.dims_of(problem):
                for instance, purpose in sorted(purposes.items()):
                    for seed in range(self.seeds):
                        for entry in self.optimizers:
                            yield Unit(
                                entry.label, problem.label, num_dims, instance, seed, purpose
                            )

    def dims_of(self, problem: ProblemEntry) -> Sequence[int]:
        """Return the sizes in which a problem is run: ``dims``, or the only one that it has."""
        if problem.name != TABULAR:
            return self.dims
        return [spaces.create(problem.settings.get("space", "nasbench201")).num_dims]

    def optimizer(self, label: str) -> OptimizerEntry:
        """Return the optimizer of a label."""
        return next(entry for entry in self.optimizers if entry.label == label)

    def problem(self, label: str) -> ProblemEntry:
        """Return the problem of a label."""
        return next(entry for entry in self.problems if entry.label == label)

    def evaluations(self, num_dims: int) -> int:
        """Return the evaluations of a run of this size."""
        return self.budget or self.budget_per_dim * num_dims

    def seed_of(self, unit: Unit) -> np.random.SeedSequence:
        """Return what a unit draws from: a function of the study's seed and the unit alone."""
        digest = hashlib.sha256(json.dumps(unit.key).encode()).digest()
        return seed_sequence(self.seed, *np.frombuffer(digest, dtype=np.uint32)[:4].tolist())

    @property
    def mixed_instances(self) -> list[int]:
        """Instances that are both tuned and reported on."""
        return sorted(set(self.tuning) & set(self.reporting))


def file_name(text: str) -> str:
    """Return ``text`` as a part of a file name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "x"
