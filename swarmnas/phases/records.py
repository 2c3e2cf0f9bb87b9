"""Reading back the immutable records that a search wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar, cast

from swarmnas.errors import DocumentError

__all__ = ["read_record"]

T = TypeVar("T")


def read_record(cls: type[T], record: Mapping[str, Any], what: str, **parts: Any) -> T:
    """Return the dataclass ``cls`` from the keys of a record that it knows.

    Args:
        cls: A dataclass; its annotations say what each value must be.
        record: A JSON object; other keys are passed over.
        what: What messages call it.
        parts: Values that stand for those of the record.

    Raises:
        DocumentError: A value has the wrong type or is missing.
    """
    from pydantic import ValidationError

    known = {field.name for field in fields(cast(Any, cls))}
    values = {name: value for name, value in record.items() if name in known} | parts
    try:
        return cast(T, _adapter(cast(Any, cls)).validate_python(values))
    except ValidationError as cause:
        first = cause.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "record"
        raise DocumentError(
            f"{what}: {key}: {first['msg']}; got {first['input']!r:.80}. "
            "Is the record one of a search?"
        ) from cause


@cache
def _adapter(cls: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(cls)
