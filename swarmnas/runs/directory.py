"""The run directory: config, history, checkpoints, results."""

from __future__ import annotations

import contextlib
import io
import os
import platform
import re
import warnings
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Self

import tomli_w

from swarmnas import documents
from swarmnas.atomic import replace_file, writing
from swarmnas.checks import as_int, explain
from swarmnas.errors import DocumentError, RunError, SettingError, SwarmNASWarning
from swarmnas.runs import checkpoint
from swarmnas.runs.checkpoint import Checkpoint
from swarmnas.runs.lock import exclusive, holder

__all__ = ["RunDirectory"]

FORMAT = 1
"""Of the directory; a run of a newer format is refused by name."""
MAX_HISTORY_BYTES = 2**30

_CONFIG, _HISTORY, _CHECKPOINTS, _LOCK = "config.toml", "history.jsonl", "checkpoint", ".lock"
_CONFIG_BEING = f".{_CONFIG}.tmp"  # left by a kill within create()
_HEAD = "run"
_STEP = re.compile(r"step-(\d{6,18})(\.keep)?\.safetensors")
_JSON_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.json")


class RunDirectory:
    """One directory that holds all that a run leaves behind.

    Make one with :meth:`create` or :meth:`open`. Whoever writes holds :meth:`lock`; reading needs
    no lock.

    Example:
        >>> import tempfile, numpy as np
        >>> home = tempfile.TemporaryDirectory()
        >>> run = RunDirectory.create(f"{home.name}/first", config={"seed": 0})
        >>> with run.lock():
        ...     run.append({"kind": "epoch", "epoch": 1})
        ...     run.save_checkpoint(1, {"weights": np.ones(3)}, {"num_records": 1})
        >>> run.load_checkpoint().state
        {'num_records': 1}
        >>> run.history()
        [{'kind': 'epoch', 'epoch': 1}]
        >>> home.cleanup()
    """

    def __init__(self, path: Path, config: dict[str, Any], versions: dict[str, str]) -> None:
        self._path = path
        self._config = config
        self._versions = versions
        self._torn: set[Path] = set()

    @classmethod
    def create(
        cls, path: Path | str, *, config: Mapping[str, Any], overwrite: bool = False
    ) -> Self:
        """Start a run in an absent or empty directory.

        Args:
            path: The directory; parents are made as needed.
            config: Everything that determines the run, as TOML data. ``None`` has no form in
                TOML: such keys are left out. The key "run" is ours.
            overwrite: Remove the run that is there. Only a directory with our ``config.toml`` and
                without directories of others is a run; anything else is refused untouched.

        Raises:
            RunError: The directory holds something, is in use, or cannot be written.
            SettingError: ``config`` does not fit into TOML.
        """
        path = Path(path).absolute()
        versions = _versions()
        config, text = _config_text(config, versions)
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
        _refuse_unless_free(
            path, overwrite
        )  # before the lock: nothing is written to what is not ours
        with exclusive(path / _LOCK):
            _refuse_unless_free(path, overwrite)
            _clear(path)
            replace_file(path / _CONFIG, text.encode())
        return cls(path, config, versions)

    @classmethod
    def open(cls, path: Path | str, *, kind: str | None = None) -> Self:
        """Open a run that :meth:`create` made.

        Args:
            path: The directory.
            kind: A table that its configuration must have: "search" or "training", for example.

        Raises:
            RunError: ``path`` is no run, one of another kind, of a newer format, or one that leads
                elsewhere: it holds a link.
        """
        path = Path(path).absolute()
        _refuse_links(path)
        try:
            source = path / _CONFIG
            config = documents.parse_toml(documents.read_text(source), source=str(source))
        except DocumentError as cause:
            got = (
                cause if source.exists() else f"one without {_CONFIG}" if path.is_dir() else "none"
            )
            raise RunError(
                f"{path}: expected a run directory; got {got}. "
                "Name a directory that a run wrote, such as runs/NAME."
            ) from cause
        head = config.pop(_HEAD, None)
        if not isinstance(head, dict) or not isinstance(head.get("format"), int):
            raise RunError(
                f"{path}: expected a run directory; got a {_CONFIG} that no run wrote. "
                "Name a directory that a run wrote."
            )
        if head["format"] != FORMAT:
            raise RunError(
                f"{path}: expected a run of format {FORMAT}; got format {head['format']}, written "
                f"by swarmnas {head.get('swarmnas', 'unknown')!s}. Use that version."
            )
        if kind is not None and not isinstance(config.get(kind), dict):
            raise RunError(
                f"{path}: expected the run of a {kind}; got one without the table [{kind}] in its "
                f"{_CONFIG}. Name the directory of a {kind}."
            )
        versions = {key: str(value) for key, value in head.items() if key != "format"}
        return cls(path, config, versions)

    @property
    def path(self) -> Path:
        """The directory, absolute."""
        return self._path

    @property
    def config(self) -> dict[str, Any]:
        """What was given to :meth:`create`, without the keys that were ``None``."""
        return self._config

    @property
    def versions(self) -> dict[str, str]:
        """What the run was started with: python, swarmnas, numpy, and torch if installed."""
        return self._versions

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Keep other processes from writing here; a crash releases it.

        Raises:
            RunError: On entering: another process (named by number) holds it.
        """
        return exclusive(self._path / _LOCK)

    def holder(self) -> str | None:
        """Return the number of the process that holds the lock, or None."""
        return holder(self._path / _LOCK)

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one record to the history; it is on the disk when this returns.

        Floats that are not finite are written as the strings "nan", "inf" and "-inf".

        Raises:
            SettingError: The record is no JSON data.
            RunError: The disk refused; the history is as before.
        """
        line = _json_line("record", record)
        path = self._path / _HISTORY
        with writing(path):
            path.touch()
            size = _whole_size(path)
            try:
                with path.open("r+b") as stream:
                    stream.truncate(size)
                    stream.seek(size)
                    stream.write(line)
                    stream.flush()
                    os.fsync(stream.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    os.truncate(path, size)
                raise

    def history(self) -> list[dict[str, Any]]:
        """Return every record, oldest first.

        Raises:
            RunError: The file is unreadable or too large, or a line before the last is broken.

        Warns:
            SwarmNASWarning: The last line is torn; it is left out.
        """
        path = self._path / _HISTORY
        lines = self._history_lines()
        records: list[dict[str, Any]] = []
        for number, line in enumerate(lines, start=1):
            try:
                record = documents.parse_json(line.decode(), source=f"{path}, line {number}")
                if not line.endswith(b"\n") or not isinstance(record, dict):
                    raise DocumentError(f"{path}, line {number}: expected a whole record.")
            except (DocumentError, UnicodeDecodeError) as cause:
                if number == len(lines):
                    warnings.warn(
                        f"{path}, line {number}: the last record is torn and left out.",
                        SwarmNASWarning,
                        stacklevel=2,
                    )
                    break
                raise RunError(
                    f"{path}, line {number}: expected a JSON object; got something else. "
                    "The file was altered: restore it, or start the run again."
                ) from cause
            records.append(record)
        return records

    def truncate(self, num_records: int) -> None:
        """Keep the first ``num_records`` records, so that history and checkpoint agree.

        Raises:
            RunError: There are fewer, or the disk refused; the history is as before.
        """
        num_records = as_int("num_records", num_records, low=0)
        lines = [line for line in self._history_lines() if line.endswith(b"\n")]
        if len(lines) < num_records:
            raise RunError(
                f"{self._path / _HISTORY}: expected at least {num_records} records; got "
                f"{len(lines)}. The file was altered: restore it, or start the run again."
            )
        replace_file(self._path / _HISTORY, b"".join(lines[:num_records]))

    def save_checkpoint(
        self,
        step: int,
        arrays: Mapping[str, Any],
        state: Mapping[str, Any],
        *,
        keep: bool = False,
    ) -> None:
        """Save a checkpoint, whole or not at all; then drop all but the last two and the kept.

        Args:
            step: At least as large as every step saved before; the largest is the newest.
            arrays: Name -> NumPy array of booleans, integers or floats.
            state: Plain data with string keys; arrays may stand anywhere in it. Comes back equal,
                with lists for tuples and Python numbers for NumPy's.
            keep: Never drop this one (what a policy may roll back to).

        Raises:
            SettingError: ``arrays`` or ``state`` hold something else.
            RunError: ``step`` is too small, or the disk refused; older checkpoints are untouched.
        """
        step = as_int("step", step, low=0, high=10**18 - 1)
        whole = {at: file for at, file in self.checkpoints().items() if file not in self._torn}
        if whole and step < max(whole):
            raise RunError(
                f"{self._path}: expected a step >= {max(whole)}, the newest saved; got {step}. "
                "Count steps on after going back to an earlier checkpoint."
            )
        data = checkpoint.encode(Checkpoint(step, dict(arrays), dict(state)))
        path = self._path / _CHECKPOINTS / f"step-{step:06d}{'.keep' * keep}.safetensors"
        with writing(path):
            path.parent.mkdir(exist_ok=True)
        replace_file(path, data)
        whole[step] = path
        wanted = {whole[at] for at in sorted(whole)[-2:]}
        with writing(path):
            for file in path.parent.iterdir():
                match = _STEP.fullmatch(file.name)
                stale = match and (file in self._torn or not match[2]) and file not in wanted
                replaced = match and int(match[1]) == step and file != path
                if file != path and (stale or replaced or file.name.endswith(".tmp")):
                    file.unlink()
        self._torn.clear()

    def drop_checkpoints(self, *, before: int) -> None:
        """Remove the checkpoints of steps below ``before``, kept ones too, but for the last two.

        Raises:
            RunError: The disk refused.
        """
        found = self.checkpoints()
        with writing(self._path / _CHECKPOINTS):
            for step in sorted(found)[:-2]:
                if step < before:
                    found[step].unlink()

    def load_checkpoint(self, step: int | None = None) -> Checkpoint | None:
        """Return the newest whole checkpoint, or ``None`` if there is none.

        Args:
            step: That step's instead of the newest.

        Raises:
            RunError: The checkpoint of ``step`` is missing or torn, or there are some and none is
                whole.

        Warns:
            SwarmNASWarning: A newer one is torn or altered; the warning names it. The next save
                removes it.
        """
        found = self.checkpoints()
        if step is not None:
            if step not in found:
                raise RunError(
                    f"{self._path}: expected a checkpoint of step {step}; got "
                    f"{', '.join(map(str, sorted(found))) or 'none'}. Choose one of these."
                )
            return _decode(found[step], step)
        for at in sorted(found, reverse=True):
            try:
                return _decode(found[at], at)
            except RunError as cause:
                self._torn.add(found[at])
                warnings.warn(f"{cause} Trying the one before it.", SwarmNASWarning, stacklevel=2)
        if found:
            raise RunError(
                f"{self._path}: expected a whole checkpoint; got {len(found)} that are torn or "
                "altered. Restore one, or start the run again under another name."
            )
        return None

    def write_json(self, name: str, value: Any) -> Path:
        """Write ``value`` as a JSON file of the run, whole or not at all.

        Args:
            name: A plain file name ending in ".json".
            value: JSON data; floats that are not finite become strings.

        Returns:
            The path of the file.

        Raises:
            SettingError: The name leads elsewhere, or the value is no JSON data.
            RunError: The disk refused; an older file of that name is untouched.
        """
        if not _JSON_NAME.fullmatch(name):
            raise SettingError(
                explain(
                    "name",
                    "a plain file name ending in .json",
                    repr(name),
                    "Use letters, digits, '.', '_' and '-', for example genotype.json.",
                )
            )
        path = self._path / name
        replace_file(path, _json_line(name, value))
        return path

    def _history_lines(self) -> list[bytes]:
        path = self._path / _HISTORY
        try:
            with path.open("rb") as stream:
                data = stream.read(MAX_HISTORY_BYTES + 1)
        except FileNotFoundError:
            return []
        except OSError as cause:
            raise RunError(
                f"{path}: expected the records of a run; got: {cause.strerror or cause}. "
                "Restore the file, or start the run again."
            ) from cause
        if len(data) > MAX_HISTORY_BYTES:
            raise RunError(
                f"{path}: expected at most {MAX_HISTORY_BYTES:,} bytes; got more. "
                "Is it a history of swarmnas?"
            )
        return io.BytesIO(data).readlines()

    def checkpoints(self) -> dict[int, Path]:
        """Return the checkpoint files by step, whole or not; other files are not looked at."""
        home = self._path / _CHECKPOINTS
        with writing(home):
            names = sorted(os.listdir(home)) if home.exists() else []
        matches = map(_STEP.fullmatch, names)
        return {int(match[1]): home / match[0] for match in matches if match}


def _decode(path: Path, step: int) -> Checkpoint:
    loaded = checkpoint.decode(path)
    if loaded.step != step:
        raise RunError(
            f"{path}: expected step {step}; got {loaded.step}. The file was renamed: undo that."
        )
    return loaded


def _whole_size(path: Path) -> int:
    """Return the size of ``path`` up to its last whole line; a kill may have torn the rest."""
    with path.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 65536)
            stream.seek(start)
            newline = stream.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0


def _json_line(where: str, value: Any) -> bytes:
    try:
        return (documents.dump_json(value) + "\n").encode()
    except (TypeError, ValueError, RecursionError) as cause:
        raise SettingError(
            explain(where, "JSON data", str(cause), "Convert arrays and other objects first.")
        ) from cause


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("swarmnas", "numpy", "torch"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value]
    return value


def _config_text(
    config: Mapping[str, Any], versions: Mapping[str, str]
) -> tuple[dict[str, Any], str]:
    if _HEAD in config:
        raise SettingError(
            explain("config", f"keys other than {_HEAD!r}", repr(_HEAD), "Rename that key.")
        )
    plain = _without_none(config)
    try:
        text = tomli_w.dumps({**plain, _HEAD: {"format": FORMAT, **versions}})
        read = documents.parse_toml(text, source=_CONFIG)
    except (TypeError, ValueError, AttributeError, RecursionError) as cause:
        raise SettingError(
            explain(
                "config",
                "text, numbers, booleans, lists and tables",
                str(cause),
                "Convert other values first.",
            )
        ) from cause
    del read[_HEAD]
    return read, text


def _refuse_links(path: Path) -> None:
    """Refuse a directory with links, pipes or devices: a write through one lands elsewhere."""
    for home in (path, path / _CHECKPOINTS):
        if not home.is_dir():
            continue
        with writing(home), os.scandir(home) as entries:
            for entry in entries:
                if not (
                    entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)
                ):
                    raise RunError(
                        f"{home / entry.name}: expected a file or a directory; got a link, a pipe "
                        "or a device, which no run makes. Remove it."
                    )


def _refuse_unless_free(path: Path, overwrite: bool) -> None:
    _refuse_links(path)
    with writing(path):
        entries = [
            entry for entry in sorted(path.iterdir()) if entry.name not in (_LOCK, _CONFIG_BEING)
        ]
    if not entries:
        return
    if not overwrite:
        ours = any(entry.name == _CONFIG for entry in entries)
        fix = "Go on with --resume, replace it with --overwrite, or use another name."
        raise RunError(
            f"{path}: expected an absent or empty directory; got one that holds "
            f"{'a run' if ours else repr(entries[0].name)}. {fix if ours else 'Use another name.'}"
        )
    RunDirectory.open(path)
    for entry in entries:
        if entry.is_dir() and entry.name != _CHECKPOINTS:
            raise RunError(
                f"{path}: expected a run and nothing else; got the directory {entry.name!r} in "
                "it, which no run makes. Move it away or use another name."
            )


def _clear(path: Path) -> None:
    """Remove a run of ours; its config goes last, so that half a removal is still ours."""
    home = path / _CHECKPOINTS
    with writing(path):
        for entry in [*(home.iterdir() if home.is_dir() else ()), *path.iterdir()]:
            if entry.name not in (_CONFIG, _LOCK, _CHECKPOINTS):
                entry.unlink()
        if home.is_dir():
            home.rmdir()
        (path / _CONFIG).unlink(missing_ok=True)
