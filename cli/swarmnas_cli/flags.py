"""Flags made of settings: text and type of each are those of the model that validates it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from pydantic.fields import FieldInfo

from swarmnas.errors import SettingError
from swarmnas_cli.listing import completing

COMPLETED = {"space": "spaces", "policy": "policies", "optimizer": "optimizers"}
"""Settings whose values a shell completes -> the kind of name."""

Fields = Mapping[str, FieldInfo]

Out = Annotated[Path | None, typer.Option(help="The run directory; runs/NAME by default.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a run there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def with_flags(
    function: Callable[..., None], settings: Fields, *, overrides: Fields | None = None
) -> Callable[..., None]:
    """Return ``function`` with its ``**flags`` spelled out, as Typer reads signatures.

    Args:
        function: Takes what is given of the settings, and None for what is not.
        settings: Flags with the defaults of their model.
        overrides: Flags in place of what a protocol says, which is their default.
    """
    own = [
        parameter
        for parameter in inspect.signature(function, eval_str=True).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    options = [_option(name, field, _default(field)) for name, field in settings.items()]
    options += [_option(name, field, "the protocol's") for name, field in (overrides or {}).items()]
    parameters = [*own, *options]
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    )
    function.__annotations__ = {p.name: p.annotation for p in parameters}
    return function


def _default(field: FieldInfo) -> str:
    return "unset" if field.default is None else str(field.default)


def _option(name: str, field: FieldInfo, default: str) -> inspect.Parameter:
    """Return the flag of one setting."""
    kind = next(
        (kind for kind in (bool, int, float, Path) if kind in _types(field.annotation)), str
    )
    flag = f"--{name.replace('_', '-')}"
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if kind is bool else flag,
        help=rf"{field.description} \[default: {default}]",
        show_default=False,
        rich_help_panel="Settings",
        autocompletion=completing(COMPLETED[name]) if name in COMPLETED else None,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, option],
    )


def _types(annotation: Any) -> list[Any]:
    """Return the types that an annotation is made of, however deep."""
    parts = get_args(annotation)
    return [found for part in parts for found in _types(part)] if parts else [annotation]


def given_of(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a user gave."""
    return {name: value for name, value in flags.items() if value is not None}


def refuse_beside_resume(*given: object) -> None:
    """Refuse settings beside ``--resume``.

    Raises:
        SettingError: One of them was given.
    """
    if any(given):
        raise SettingError(
            "--resume: expected no settings beside it; got some. "
            "A run continues with the settings in its config.toml: leave them out."
        )


def shown(path: Path) -> str:
    """Return a path as a user would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
