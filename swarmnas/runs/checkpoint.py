"""One checkpoint in one file: arrays and state as safetensors, with a checksum over both."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from swarmnas.checks import explain
from swarmnas.errors import RunError, SettingError

__all__ = ["Checkpoint", "decode", "digest", "encode", "restoring"]

FORMAT = "swarmnas-checkpoint"
VERSION = 1
MAX_BYTES = 8 * 2**30
"""Larger files are not read; a checkpoint of the largest supernets has a few hundred MiB."""
MAX_STATE_BYTES = 64 * 2**20
"""Largest JSON text of a state; the container allows 100 MB in all before the arrays."""

_ARRAY = "$array"
_UNREADABLE = (SafetensorError, OSError, ValueError, TypeError, KeyError, OverflowError)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a run needs to go on.

    Attributes:
        step: The number it was saved under.
        arrays: Name -> array, for example the weights.
        state: Nested mappings and lists of numbers, strings, booleans, ``None`` and arrays.
    """

    step: int
    arrays: dict[str, np.ndarray[Any, Any]]
    state: dict[str, Any]


def encode(checkpoint: Checkpoint) -> bytes:
    """Return the bytes of a checkpoint file.

    Raises:
        SettingError: Something in it is neither an array of numbers nor plain data.
    """
    tensors = {
        f"arrays/{name}": _as_array(f"arrays[{name!r}]", value)
        for name, value in checkpoint.arrays.items()
    }
    try:
        state = json.dumps(_without_arrays(checkpoint.state, "state", tensors))
    except (TypeError, ValueError, RecursionError) as cause:
        if isinstance(cause, SettingError):
            raise
        raise SettingError(
            explain("state", "JSON data and arrays", str(cause), "Convert it first.")
        ) from cause
    if len(state) > MAX_STATE_BYTES:
        raise SettingError(
            explain(
                "state",
                f"at most {MAX_STATE_BYTES:,} bytes of JSON",
                f"{len(state):,}",
                "Put long lists of numbers into arrays.",
            )
        )
    return save(
        tensors,
        metadata={
            "format": FORMAT,
            "version": str(VERSION),
            "step": str(checkpoint.step),
            "state": state,
            "sha256": digest(checkpoint.step, state, tensors),
        },
    )


def decode(path: Path) -> Checkpoint:
    """Read a checkpoint file.

    Raises:
        RunError: The file is missing, torn, altered, of another version, or no checkpoint.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES:,} bytes")
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError("not a checkpoint of swarmnas")
            if metadata["version"] != str(VERSION):
                raise ValueError(f"version {metadata['version'][:20]!r}, not {VERSION}")
            if len(metadata["state"]) > MAX_STATE_BYTES:
                raise ValueError(f"more than {MAX_STATE_BYTES:,} bytes of state")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        step, text = int(metadata["step"]), metadata["state"]
        if metadata["sha256"] != digest(step, text, tensors):
            raise ValueError("the checksum does not match the content")
        state = _with_arrays(json.loads(text), tensors)
        if not isinstance(state, dict):
            raise ValueError("the state is no mapping")
    except (*_UNREADABLE, RecursionError, MemoryError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else cause
        reason = f"no {reason}" if isinstance(cause, KeyError) else reason
        raise RunError(
            f"{path}: expected a whole checkpoint; got: {reason}. "
            "Use an earlier one, or start the run again."
        ) from cause
    prefix = "arrays/"
    arrays = {name[len(prefix) :]: tensors[name] for name in tensors if name.startswith(prefix)}
    return Checkpoint(step, arrays, state)


@contextlib.contextmanager
def restoring(where: str, what: str) -> Iterator[None]:
    """Turn whatever goes wrong while a run takes its state out of a checkpoint into one line.

    Args:
        where: The checkpoint.
        what: Whose state it should hold: "this search".

    Raises:
        RunError: Something is missing or does not fit: another run or version wrote it.
    """
    try:
        yield
    except RunError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as cause:
        says = " ".join(str(cause).split())[:200].rstrip(".")
        got = f"no {says}" if type(cause) is KeyError else says
        fix = "Another version or another run wrote it: start the run again."
        raise RunError(explain(where, f"the state of {what}", got, fix)) from cause


def _as_array(where: str, value: object) -> np.ndarray[Any, Any]:
    array = np.asarray(value, order="C")
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise SettingError(
            explain(
                where,
                "an array of booleans, integers or floats of at most 64 bits",
                f"dtype {array.dtype}",
                "Convert it first.",
            )
        )
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _without_arrays(value: Any, where: str, tensors: dict[str, np.ndarray[Any, Any]]) -> Any:
    """Return ``value`` as JSON data; its arrays go to ``tensors``, references stay."""
    if isinstance(value, np.ndarray):
        name = f"state/{len(tensors)}"
        tensors[name] = _as_array(where, value)
        return {_ARRAY: name}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or key == _ARRAY:
                raise SettingError(
                    explain(where, "keys that are words", repr(key), "Rename the key.")
                )
        return {
            key: _without_arrays(item, f"{where}[{key!r}]", tensors) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_arrays(item, where, tensors) for item in value]
    return value


def _with_arrays(value: Any, tensors: Mapping[str, np.ndarray[Any, Any]]) -> Any:
    if isinstance(value, dict):
        if _ARRAY in value:
            return tensors[value[_ARRAY]]
        return {key: _with_arrays(item, tensors) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_arrays(item, tensors) for item in value]
    return value


def digest(step: int, state: str, tensors: Mapping[str, np.ndarray[Any, Any]]) -> str:
    """Return the checksum (SHA-256, hexadecimal) over all that a checkpoint holds."""
    names = sorted(tensors)
    shapes = [[name, tensors[name].dtype.str, tensors[name].shape] for name in names]
    head = json.dumps([FORMAT, VERSION, step, state, shapes])
    total = hashlib.sha256(head.encode())
    for name in names:
        total.update(np.ascontiguousarray(tensors[name]).view(np.uint8).data)
    return total.hexdigest()
