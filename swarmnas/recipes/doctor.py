"""What is wrong with a run directory, and what can be saved of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarmnas import documents
from swarmnas.checks import as_int
from swarmnas.errors import RunError, SwarmNASError, SwarmNASWarning
from swarmnas.phases import Policy
from swarmnas.reports import SearchRecords
from swarmnas.runs import Checkpoint, RunDirectory
from swarmnas.spaces import Genotype, read_genotype

__all__ = ["Examination", "Finding", "examine"]


@dataclass(frozen=True)
class Finding:
    """One part of a run.

    Args:
        part: The file, or what else was looked at.
        healthy: Whether it is as a run leaves it.
        says: One line.
    """

    part: str
    healthy: bool
    says: str


@dataclass(frozen=True)
class Examination:
    """All that was found.

    Args:
        findings: Part by part.
        advice: What can be saved, and how; one line each.
    """

    findings: tuple[Finding, ...]
    advice: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """Whether every part is."""
        return all(finding.healthy for finding in self.findings)


def examine(path: Path | str) -> Examination:
    """Look through the run directory of a search, a training or a bench; changes nothing.

    Raises:
        RunError: It holds none of these.
    """
    run = RunDirectory.open(path)
    for kind, settings in (("search", "search"), ("train", "training"), ("bench", "study")):
        if isinstance(run.config.get(settings), dict):
            return _Doctor(run, kind, str(path)).examine()
    raise RunError(
        f"{path}: expected the run of a search, a training or a bench; got one with the settings "
        f"{', '.join(run.config) or 'none'}. Name a directory that one of these wrote."
    )


class _Doctor:
    def __init__(self, run: RunDirectory, kind: str, path: str) -> None:
        self._run, self._kind, self._path = run, kind, path
        self._findings: list[Finding] = []

    def examine(self) -> Examination:
        self._check("config.toml", self._config)
        holder = self._run.holder()
        free = "free" if holder is None else f"held by process {holder}: the run is under way"
        self._findings.append(Finding("lock", True, free))
        records = self._records()
        whole = list(self._checkpoints(records)) if self._kind != "bench" else []
        usable = [c for c in whole if self._fits(c, records)]
        if self._kind == "bench":
            self._check("the study's units", self._units)
        found = self._run.path / {"search": "genotype.json", "train": "network.json"}.get(
            self._kind, ""
        )
        is_found = found.is_file() and self._check(found.name, lambda: self._found(found))
        for left in sorted(self._run.path.rglob(".*.tmp")):
            name = str(left.relative_to(self._run.path))
            self._findings.append(Finding(name, True, "left by a kill; the next save removes it"))
        return Examination(
            tuple(self._findings), tuple(self._advice(records, usable, bool(is_found)))
        )

    def _check(self, part: str, look: Callable[[], str]) -> bool:
        """Take down what a look at a part says, or what it raises."""
        try:
            self._findings.append(Finding(part, True, look()))
        except SwarmNASError as error:
            self._findings.append(Finding(part, False, " ".join(str(error).split())))
        return self._findings[-1].healthy

    def _config(self) -> str:
        settings, source = self._run.config, str(self._run.path / "config.toml")
        if self._kind == "search":
            from swarmnas.search import SearchConfig

            SearchConfig.from_mapping(settings["search"], source=source)
            documents.validate(Policy, settings.get("policy"), source=source)
        elif self._kind == "train":
            from swarmnas.training import Protocol, TrainingConfig

            TrainingConfig.from_mapping(settings["training"], source=source)
            Protocol.from_mapping(settings.get("protocol", {}), source=source)
            self._genotype()
        else:
            from swarmnas.bench import Study

            Study.from_mapping(settings["study"], source=source)
        versions = ", ".join(f"{name} {value}" for name, value in self._run.versions.items())
        return f"the {_KINDS[self._kind]}, started with {versions}"

    def _genotype(self) -> Genotype:
        held = self._run.config.get("genotype")
        return Genotype.from_json(held.get("json") if isinstance(held, dict) else held)

    def _records(self) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = []

        def look() -> str:
            with warnings.catch_warnings():
                warnings.simplefilter("error", SwarmNASWarning)
                try:
                    records.extend(self._run.history())
                except SwarmNASWarning as torn:
                    raise RunError(str(torn)) from torn
            if self._kind == "search":
                epochs = [signals.epoch for signals in SearchRecords(self._run.path).signals]
                if epochs != [*range(1, len(epochs) + 1)]:
                    raise RunError(
                        f"expected the epochs 1 to {len(epochs)} in order; got others. "
                        "The file was altered: restore it, or start the run again."
                    )
            return f"{len(records)} records, all whole"

        if not self._check("history.jsonl", look) and not records:
            with warnings.catch_warnings():  # those before the torn one
                warnings.simplefilter("ignore", SwarmNASWarning)
                try:
                    records.extend(self._run.history())
                except SwarmNASError:
                    records.clear()
        return records

    def _checkpoints(self, records: list[dict[str, Any]]) -> Iterator[Checkpoint]:
        files = self._run.checkpoints()
        if records and not files:
            says = f"expected one beside {len(records)} records; got none: the run would begin anew"
            self._findings.append(Finding("checkpoint", False, says))
        for step, file in sorted(files.items()):
            loaded: list[Checkpoint | None] = []

            def look(step: int = step, loaded: list[Checkpoint | None] = loaded) -> str:
                loaded.append(self._run.load_checkpoint(step))
                return "whole, its checksum is right"

            if self._check(f"checkpoint/{file.name}", look) and loaded[0] is not None:
                yield loaded[0]

    def _fits(self, checkpoint: Checkpoint, records: list[dict[str, Any]]) -> bool:
        """Tell whether the run can go on from a checkpoint."""

        def look() -> str:
            wanted = as_int("num_records", checkpoint.state.get("num_records"), low=0)
            if wanted > len(records):
                raise RunError(
                    f"expected at least {wanted} whole records, as when it was saved; "
                    f"got {len(records)}. Restore history.jsonl."
                )
            return f"continues after record {wanted}"

        return self._check(f"step {checkpoint.step}", look)

    def _units(self) -> str:
        from swarmnas.bench.results import Results

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SwarmNASWarning)  # a torn record is said elsewhere
            results = Results.read(self._run.path, instances="all")
        failed = len(results.failures())
        return f"{failed} failed, {results.missing} to be run"

    def _found(self, path: Path) -> str:
        if self._kind == "search":
            genotype = read_genotype(str(path))
            wanted = self._run.config["search"].get("space", genotype.space)
            if genotype.space != wanted:
                raise RunError(
                    f"{path}: expected a genotype of {wanted}; got one of {genotype.space}. "
                    "It is another run's: resume the search to write it anew."
                )
            return genotype.to_text()
        from swarmnas.training.saved import load_network

        load_network(path.parent)
        return "the trained network can be loaded"

    def _advice(
        self, records: list[dict[str, Any]], usable: list[Checkpoint], is_found: bool
    ) -> Iterator[str]:
        if self._kind == "bench":
            yield "The same `swarmnas bench run` continues; it runs only what is not stored."
            return
        resume = f"swarmnas {self._kind} --resume {self._path}"
        if usable:
            yield f"Continues from step {usable[-1].step}: {resume}"
        elif records or self._run.checkpoints():
            again = f"--config {self._path}/config.toml --out NEW" if self._kind == "search" else ""
            yield f"No checkpoint can be used; start again: swarmnas {self._kind} {again}".rstrip()
        else:
            yield f"Nothing was done yet; begin: {resume}"
        if is_found:
            use = "train" if self._kind == "search" else "evaluate"
            yield f"What it found is whole: swarmnas {use} {self._path}"


_KINDS = {"search": "run of a search", "train": "run of a training", "bench": "store of a bench"}
