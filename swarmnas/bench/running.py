"""Running a study: each unit exactly once, into a store that any interruption leaves whole."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from swarmnas.bench.results import stored
from swarmnas.bench.study import TABULAR, Study, Unit
from swarmnas.bench.unit import check, run_unit
from swarmnas.checks import as_int, explain
from swarmnas.errors import DataError, RunError
from swarmnas.runs import RunDirectory

__all__ = ["Executor", "Progress", "open_store", "run"]

AHEAD = 2
"""Units handed to each worker at a time, so that none waits for the store."""

GRACE = 60.0
"""Seconds beyond the study's ``max_seconds`` after which a process that does not answer hangs."""

PACKAGES = (
    "swarmnas", "numpy", "scipy", "cma", "nevergrad", "ioh", "pymoo", "pyswarms", "optuna", "evox",
)  # fmt: skip
"""Packages whose version may change a result."""


class Executor(Protocol):
    """What runs units elsewhere; any `concurrent.futures.Executor` is one."""

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Start ``function(*args)`` somewhere; return what its result will arrive in."""


@dataclass(frozen=True)
class Progress:
    """How far a study is."""

    done: int
    """Units in the store."""
    total: int
    failed: int
    new: int
    """Units run by this call."""


def run(
    study: Study,
    path: Path | str,
    *,
    jobs: int = 1,
    executor: Executor | None = None,
    progress: Callable[[Progress], None] = lambda progress: None,
) -> RunDirectory:
    """Run what a store lacks of a study; the same call continues after any interruption.

    Args:
        study: What to run.
        path: The store: a directory that is absent, empty, or holds this same study.
        jobs: Processes; 1 runs here, where a unit that hangs cannot be ended: with more, it is,
            a minute after the study's ``max_seconds``. With ``executor``, how many units it works
            on at a time.
        executor: Runs the units instead; results do not depend on it.
        progress: Called at the start and after each unit.

    Raises:
        RunError: The store belongs to another study or other versions, is in use, or cannot be
            written.
        SwarmNASError: Something is wrong with the study; nothing was run.

    Example:
        >>> import tempfile
        >>> study = Study.from_mapping({"problems": ["sphere"], "dims": [2], "seeds": 2,
        ...     "optimizers": ["cso", "pso"], "budget_per_dim": 50})
        >>> with tempfile.TemporaryDirectory() as home:
        ...     store = run(study, f"{home}/store")
        ...     [record["evaluations"] for record in store.history()]
        [100, 100, 100, 100]
    """
    jobs = as_int("jobs", jobs, low=1)
    check(study)
    store = open_store(study, path)
    with store.lock():
        records = stored(store, study)
        units = list(study.units())
        done = {record["unit"] for record in records}
        failed = sum(record["status"] == "failed" for record in records)
        state = Progress(len(done), len(units), failed, 0)
        progress(state)
        todo = [unit for unit in units if unit.key not in done]
        patience = None if study.max_seconds is None else study.max_seconds + GRACE
        for record in _results(study.to_mapping(), todo, jobs, executor, patience):
            store.append(record)
            is_failure = record["status"] == "failed"
            state = Progress(state.done + 1, state.total, state.failed + is_failure, state.new + 1)
            progress(state)
    return store


def open_store(study: Study, path: Path | str) -> RunDirectory:
    """Return the store of a study, made anew where there is none.

    Raises:
        RunError: ``path`` holds something else, another study, or results of other versions.
    """
    path = Path(path)
    wanted = {"study": study.to_mapping(), "versions": versions(study)}
    if not (path / "config.toml").exists():
        return RunDirectory.create(path, config=wanted)
    store = RunDirectory.open(path)
    fix = "Name another directory: results of different studies or versions do not mix."
    for part, mine in wanted.items():
        theirs = store.config.get(part)
        if not isinstance(theirs, Mapping):
            raise RunError(explain(str(path), "a store of the bench", "another run", fix))
        for key in sorted({*mine, *theirs}):
            if mine.get(key) != theirs.get(key):
                raise RunError(
                    explain(
                        f"{path}, {part}, {key}",
                        f"{_brief(mine.get(key))} as in the study given",
                        _brief(theirs.get(key)),
                        fix,
                    )
                )
    return store


def versions(study: Study) -> dict[str, str]:
    """Return what results depend on besides the study: packages, and the tables' contents."""
    found = {"python": ".".join(map(str, sys.version_info[:2]))}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    for entry in study.problems:
        if entry.name == TABULAR and "table" in entry.settings:
            table = str(entry.settings["table"])
            if not Path(table).is_file():  # a device would be read without end
                raise DataError(explain(table, "a table", "no file", "Check the path."))
            try:
                found[table] = "sha256 " + hashlib.sha256(Path(table).read_bytes()).hexdigest()
            except OSError as cause:
                raise DataError(
                    explain(table, "a readable table", cause.strerror, "Check the path.")
                ) from cause
    return found


def _brief(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _results(
    study: Mapping[str, Any],
    units: list[Unit],
    jobs: int,
    executor: Executor | None,
    patience: float | None,
) -> Iterator[dict[str, Any]]:
    """Yield the record of each unit as soon as it is there."""
    if executor is not None:
        yield from _through(executor, study, units, jobs)
    elif jobs == 1 or len(units) < 2:
        for unit in units:
            yield run_unit(study, unit)
    else:
        left = dict.fromkeys(units)
        try:
            with _processes(min(jobs, len(units))) as pool:
                for record in _through(pool, study, units, jobs, patience):
                    del left[_unit_of(record)]
                    yield record
        except BrokenExecutor:  # some unit killed or hung its worker; find out which
            for unit in list(left):
                yield _alone(study, unit, patience)


def _unit_of(record: Mapping[str, Any]) -> Unit:
    return Unit(**{key: record[key] for key in Unit.__dataclass_fields__})


def _through(
    executor: Executor,
    study: Mapping[str, Any],
    units: list[Unit],
    jobs: int,
    patience: float | None = None,
) -> Iterator[dict[str, Any]]:
    waiting: set[Future[Any]] = set()
    queue = iter(units)
    while True:
        for unit in queue:
            waiting.add(executor.submit(run_unit, study, unit))
            if len(waiting) >= AHEAD * jobs:
                break
        if not waiting:
            return
        finished, waiting = wait(waiting, timeout=patience, return_when=FIRST_COMPLETED)
        if not finished:
            raise BrokenExecutor(f"no unit ended within {patience} seconds")
        for future in finished:
            yield future.result()


def _alone(study: Mapping[str, Any], unit: Unit, patience: float | None) -> dict[str, Any]:
    try:
        with _processes(1) as pool:
            record: dict[str, Any] = pool.submit(run_unit, study, unit).result(patience)
            return record
    except BrokenExecutor:
        error = "the process that ran it died"
    except TimeoutError:
        error = f"it did not end within {patience:g} seconds; its process was ended"
    return {
        "kind": "unit",
        "unit": unit.key,
        **asdict(unit),
        "status": "failed",
        "error": error,
        "evaluations": 0,
        "best_error": float("inf"),
        "hits": {"at": [], "error": []},
        "checkpoints": {"at": [], "error": [], "diversity": []},
        "timing": {},
    }


@contextmanager
def _processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """Give worker processes that end with this one, however it ends.

    Each worker waits for the end of a pipe whose other side only this process holds.
    """
    context = multiprocessing.get_context("spawn")
    theirs, mine = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(
        count, mp_context=context, initializer=_start_worker, initargs=(theirs,)
    )
    try:
        yield pool
    except BaseException:
        mine.close()  # ends the workers now, not after the units they are at
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    else:
        pool.shutdown()
    finally:
        mine.close()
        theirs.close()


def _start_worker(parent: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means

    def end_with_parent() -> None:
        try:
            parent.recv_bytes()
        except (EOFError, OSError):
            os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
