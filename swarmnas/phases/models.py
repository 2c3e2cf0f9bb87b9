"""The base of everything that a policy document is made of."""

from __future__ import annotations

from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from swarmnas.checks import unknown_name
from swarmnas.documents import invalid
from swarmnas.errors import SettingError

__all__ = ["Count", "Model", "Name", "NonNegative", "Number", "refuse"]

Count = Annotated[int, Field(strict=True, ge=1, le=10**9)]
"""A whole number from 1."""
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e12, le=1e12)]
"""A finite number."""
NonNegative = Annotated[Number, Field(ge=0)]
"""A finite number from 0."""
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
"""A short name on one line, fit for a terminal."""


class Model(BaseModel):
    """Frozen settings; built in Python, a wrong one raises `SettingError` in one line."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as cause:
            raise SettingError(invalid(type(self), cause, source=type(self).__name__)) from cause

    # Inside a document pydantic builds the parts itself, so that errors keep their whole path.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, data: Any) -> Any:
        known = [str(field.validation_alias or name) for name, field in cls.model_fields.items()]
        for key in data if isinstance(data, dict) else ():
            if key not in known and key not in cls.model_fields:
                refuse(unknown_name("key", key, known), key)
        return data


def refuse(message: str, *path: str | int) -> NoReturn:
    """Raise, from inside a validator, a message of ours about the key at ``path``."""
    error = PydanticCustomError("refused", "{error}", {"error": SettingError(message)})
    raise ValidationError.from_exception_data(
        "refused", [InitErrorDetails(type=error, loc=path, input=None)]
    )
