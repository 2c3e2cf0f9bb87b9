"""`swarmnas train`: from a genotype to a trained network, by a protocol."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swarmnas.errors import SettingError
from swarmnas.spaces import genotype_and_origin
from swarmnas.training import Protocol, TrainingConfig, load_protocol, protocols
from swarmnas_cli.flags import (
    AsJson,
    Out,
    Overwrite,
    given_of,
    refuse_beside_resume,
    shown,
    with_flags,
)
from swarmnas_cli.live import speaks, watching

if TYPE_CHECKING:
    from swarmnas.training import TrainingResult


def _train(
    genotype: Annotated[
        str | None,
        typer.Argument(
            help="A run directory, a JSON file, the name of a published cell, or its text.",
            show_default=False,
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help=f"How to train: {', '.join(protocols)}, or a TOML file; quick if unset."),
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(
            help="The space of a genotype's text, if it is neither nasbench201 nor darts."
        ),
    ] = None,
    out: Out = None,
    overwrite: Overwrite = False,
    resume_from: Annotated[
        Path | None, typer.Option("--resume", help="Continue this training; takes no settings.")
    ] = None,
    as_json: AsJson = False,
    **flags: Any,
) -> None:
    """Train the network of a genotype from scratch; flags win over the protocol."""
    given = given_of(flags)
    quiet = as_json or not speaks()
    if resume_from is not None:
        refuse_beside_resume(given, genotype, protocol, space, out, overwrite)
        from swarmnas.training import resume  # imports torch, which takes seconds

        with watching(resume_from, quiet=quiet, command="train") as callbacks:
            result = resume(resume_from, callbacks=callbacks)
    else:
        if genotype is None:
            raise SettingError(
                "genotype: expected a run, a file, a name or a text; got none. "
                "Try: swarmnas train DARTS_V2."
            )
        chosen, origin = genotype_and_origin(genotype, space=space)
        settings = {name: given.pop(name) for name in TrainingConfig.model_fields if name in given}
        config = TrainingConfig.from_mapping(settings, source="swarmnas train")
        how = load_protocol(protocol or "quick").with_settings(given, source="swarmnas train")
        parts = (chosen.space, Path(config.dataset).stem, Path(protocol or "quick").stem)
        path = out or Path("runs") / "-".join(("train", *parts, f"seed{config.seed}"))
        from swarmnas.training import train  # imports torch too

        with watching(path, quiet=quiet, command="train") as callbacks:
            result = train(
                chosen,
                config,
                how,
                out=path,
                overwrite=overwrite,
                origin=origin,
                callbacks=callbacks,
            )
    if speaks():
        _report(result, as_json)


def _report(result: TrainingResult, as_json: bool) -> None:
    last = {key: value for key, value in result.last.items() if key not in ("kind", "timing")}
    if as_json:
        typer.echo(json.dumps({"run": str(result.path), **last}))
        return
    path = shown(result.path)
    typer.echo(f"Run: {path}")
    typer.echo(f"Next: swarmnas evaluate {path}")


command = with_flags(_train, TrainingConfig.model_fields, overrides=Protocol.model_fields)
