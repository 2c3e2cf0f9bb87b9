"""Reading and writing TOML and JSON: bounded size, errors that name file, line and key."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from swarmnas.checks import unknown_name
from swarmnas.errors import DocumentError, SwarmNASError

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    Model = TypeVar("Model", bound=BaseModel)

__all__ = ["dump_json", "invalid", "line_of", "parse_json", "parse_toml", "read_text", "validate"]

MAX_BYTES = 16 * 2**20
"""Documents above this size are refused: configs, policies and genotypes are small."""

MAX_DEPTH = 64
"""Levels of a document; what reads it further may then go down recursively."""

_MAX_DIGITS = 40
"""Of an integer: those of 128 bits fit."""

# Where a key of TOML could have too many parts; such keys also take the parser long.
_LONG_KEY = re.compile(rf"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){{{MAX_DEPTH}}}""")
_LONG_NUMBER = re.compile(rf"\d{{{_MAX_DIGITS}}}")


def read_text(path: Path | str, *, max_bytes: int = MAX_BYTES) -> str:
    """Return the text of a small UTF-8 file.

    Raises:
        DocumentError: The file is missing, unreadable, too large or not UTF-8.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(max_bytes + 1)
    except OSError as cause:
        raise DocumentError(
            f"{path}: expected a readable file; got: {cause.strerror or cause}. Check the path."
        ) from cause
    if len(data) > max_bytes:
        raise DocumentError(
            f"{path}: expected at most {max_bytes:,} bytes; got more. Is it the right file?"
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as cause:
        raise DocumentError(
            f"{path}: expected UTF-8 text; got other bytes at offset {cause.start}. "
            "Is it the right file?"
        ) from cause


def parse_toml(text: str, *, source: str) -> dict[str, Any]:
    """Parse TOML; a syntax error names ``source``, line and column.

    Raises:
        DocumentError: It is no TOML, too deep, or holds an integer of very many digits.
    """
    if _LONG_KEY.search(text):
        raise DocumentError(_too_deep(source))
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as cause:
        raise DocumentError(
            f"{source}: expected TOML; got a syntax error: {cause}. Mend that line."
        ) from cause
    _refuse_monsters(document, source)
    return document


def parse_json(text: str, *, source: str) -> Any:
    """Parse JSON; a syntax error names ``source``, line and column.

    Raises:
        DocumentError: It is no JSON, too deep, or holds an integer of very many digits.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as cause:
        raise DocumentError(
            f"{source}: expected JSON; got a syntax error: {cause}. Is the file whole?"
        ) from cause
    if text.count("[") + text.count("{") > MAX_DEPTH or _LONG_NUMBER.search(text):
        _refuse_monsters(document, source)
    return document


def _too_deep(source: str) -> str:
    return f"{source}: expected at most {MAX_DEPTH} levels; got more. Is it the right file?"


def _refuse_monsters(document: Any, source: str) -> None:
    """Refuse a document that is too deep, or integers that no message could print."""
    level, depth = [document], 0
    while level:
        if depth > MAX_DEPTH:
            raise DocumentError(_too_deep(source))
        if any(isinstance(item, int) and abs(item) >= 10**_MAX_DIGITS for item in level):
            raise DocumentError(
                f"{source}: expected integers of at most {_MAX_DIGITS} digits; got a longer one. "
                "Is it the right file?"
            )
        lists = (
            i.values() if isinstance(i, dict) else i for i in level if isinstance(i, dict | list)
        )
        level, depth = [item for items in lists for item in items], depth + 1


def dump_json(value: Any) -> str:
    """Return ``value`` as JSON on one line; NaN and infinities become null-safe strings.

    JSON has no NaN: floats that are not finite are written as "nan", "inf" and "-inf".
    """
    return json.dumps(_finite(value), allow_nan=False, ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_finite(item) for item in value]
    return value


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    r"""Return the 1-based line on which a key of a TOML text stands, if it can be told.

    Args:
        text: The TOML document.
        path: Keys and array indices from the top, for example ``("phase", 1, "until")``.

    Example:
        >>> line_of('a = 1\n[[phase]]\nname = "x"\n', ("phase", 0, "name"))
        3
    """
    lines = text.splitlines()
    best: int | None = None
    matched: list[str | int] = []
    counts: dict[tuple[str, ...], int] = {}
    prefix: list[str | int] = []
    for number, line in enumerate(lines, start=1):
        header = re.match(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$", line)
        if header:
            names = tuple(part.strip().strip("\"'") for part in header[2].split("."))
            if header[1] == "[[":
                counts[names] = counts.get(names, -1) + 1
            prefix = []
            for depth, name in enumerate(names, start=1):
                prefix.append(name)
                if names[:depth] in counts:
                    prefix.append(counts[names[:depth]])
            here = prefix
        else:
            key = re.match(r"\s*([A-Za-z0-9_.\-\"']+)\s*=", line)
            if not key:
                continue
            here = [*prefix, *(part.strip("\"'") for part in key[1].split("."))]
        if list(path[: len(here)]) == here and len(here) > len(matched):
            best, matched = number, here
    return best


def validate(model: type[Model], data: Any, *, source: str, text: str | None = None) -> Model:
    """Return ``data`` as ``model``, or raise one line that names file, line, key and cure.

    Args:
        model: A pydantic model.
        data: What was parsed.
        source: The file, or what stands for it.
        text: The TOML text, so that messages can name the line.

    Raises:
        DocumentError: The first thing that is wrong.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(data)
    except RecursionError as cause:
        raise DocumentError(
            f"{source}: expected a document of few levels; got one too deep. Flatten it."
        ) from cause
    except ValidationError as cause:
        raise DocumentError(invalid(model, cause, source=source, text=text)) from cause


def invalid(
    model: type[BaseModel], cause: ValidationError, *, source: str, text: str | None = None
) -> str:
    """Return the first error of a validation as one line; the arguments are those of `validate`.

    An error of ours that a validator raised keeps its own words.
    """
    first = cause.errors()[0]
    path = tuple(first["loc"])
    line = line_of(text, path) if text is not None else None
    place = f"{source}, line {line}" if line else source
    key = ".".join(str(part) for part in path) or "the document"
    if first["type"] == "extra_forbidden":
        known = _fields_at(model, path[:-1])
        return f"{place}: {unknown_name('key', path[-1], known)}"
    ours = first.get("ctx", {}).get("error")
    if isinstance(ours, SwarmNASError):
        named = bool(path) and str(ours).startswith(f"{path[-1]}: ")
        key = ".".join(str(part) for part in (path[:-1] if named else path))
        return ": ".join(part for part in (place, key, str(ours)) if part)
    got = repr(first["input"])
    got = got if len(got) <= 80 else got[:77] + "..."
    return f"{place}: {key}: {first['msg']}; got {got}. Change that value."


def _fields_at(model: Any, path: Sequence[str | int]) -> list[str]:
    """Return the field names of the (nested) model that stands at ``path``."""
    from typing import get_args

    def models(annotation: Any) -> list[Any]:
        if hasattr(annotation, "model_fields"):
            return [annotation]
        return [found for part in get_args(annotation) for found in models(part)]

    def fields(one: Any) -> dict[str, Any]:
        return {field.validation_alias or name: field for name, field in one.model_fields.items()}

    here = [model]
    for step in path:
        if isinstance(step, int):
            continue
        inner = [
            m for one in here if step in fields(one) for m in models(fields(one)[step].annotation)
        ]
        here = inner or here
    return sorted({name for one in here for name in fields(one)})
