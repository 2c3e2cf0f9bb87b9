"""`swarmnas init`: a commented file of settings to begin from."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated, Any

import tomli_w
import typer

from swarmnas.recipes import load_preset, presets
from swarmnas.search import SearchConfig
from swarmnas_cli.files import write_new

HEAD = """\
# Settings of a search. Lines that begin with "# " and a key are settings left at their default.
#
#   swarmnas search --config {path}        searches
#   swarmnas search --help                 lists them as flags; a flag wins over this file
"""


def command(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("swarmnas.toml"),
    dataset: Annotated[
        str | None, typer.Option(help="A name, an .npz file or a folder of images.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help=f"Start from a preset: {', '.join(presets)}.")
    ] = None,
) -> None:
    """Write a commented file of settings: what to search, on which images, how long."""
    settings = load_preset(preset) if preset else {}
    settings |= {"dataset": dataset} if dataset else {}
    text = commented(SearchConfig.from_mapping(settings, source="swarmnas init"), path)
    write_new(path, text, fix="Choose another name: swarmnas init NAME.toml")
    typer.echo(f"Wrote {path}. Next: swarmnas search --config {path}")


def commented(config: SearchConfig, path: Path) -> str:
    """Return settings as TOML, each under its description; the unset ones stay comments."""
    values: dict[str, Any] = config.to_mapping()
    lines = [HEAD.format(path=path)]
    for name, field in SearchConfig.model_fields.items():
        lines += textwrap.wrap(
            str(field.description), width=95, initial_indent="# ", subsequent_indent="# "
        )
        if name in values:
            setting = tomli_w.dumps({name: values[name]}).strip()
            lines.append(setting if values[name] != field.default else f"# {setting}")
        else:
            lines.append(f"# {name} =")
        lines.append("")
    return "\n".join(lines)
