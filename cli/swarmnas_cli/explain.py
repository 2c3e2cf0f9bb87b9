"""`swarmnas explain`: why a search changed phase, and which candidates gave its answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from swarmnas.phases import FreezeOperations, Switch, explain_switches
from swarmnas_cli.flags import shown
from swarmnas_cli.recorded import Recorded

BEST = 3
"""Candidates of a round that are told, at most: as many as go on."""


def command(
    run: Annotated[Path, typer.Argument(help="The run directory of a search, finished or not.")],
    readings: Annotated[
        int, typer.Option(min=1, help="How many of a trigger's last readings to print.")
    ] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Explain each change of phase (trigger, readings, other thresholds), and the candidates."""
    found = Recorded.read(run)
    switches = explain_switches(found.policy, found.history, readings=readings)
    if as_json:
        typer.echo(json.dumps([switch.to_json() for switch in switches]))
        return
    console = Console(highlight=False)
    first, last = found.history[0], found.decisions[-1]
    console.print(f"Policy {found.policy.name}; the search begins in {first.phase}.", markup=False)
    for switch in switches:
        console.print()
        print_switch(console, switch)
    for signals, decision in zip(found.history, found.decisions, strict=False):
        for action in decision.actions:
            if isinstance(action, FreezeOperations):
                _print(console, f"after epoch {signals.epoch}: weights freeze", "bold")
                for name in action.operations:
                    _print(console, name, indent=2)
    if not last.stop:
        console.print()
        _print(console, f"after epoch {found.history[-1].epoch}: {last.reason}", "bold")
    for tried in found.rounds:
        console.print()
        _print(console, f"candidates, {tried.title.lower()}", "bold")
        for one in tried.candidates[:BEST]:
            outcome = f"; {one.outcome}" if one.outcome else ""
            _print(console, f"loss {one.loss}, accuracy {one.accuracy}: {one.change}{outcome}",
                   indent=2)  # fmt: skip
        more = len(tried.candidates) - BEST
        if more > 0:
            _print(console, f"and {more} more: swarmnas report {shown(run)}", indent=2)


def print_switch(console: Console, switch: Switch) -> None:
    """Print a switch, its lines folded under their own beginnings."""
    head, *lines = switch.to_text().splitlines()
    _print(console, head, "bold")
    for line in lines:
        _print(console, line.strip(), indent=2)


def _print(console: Console, text: str, style: str = "", *, indent: int = 0) -> None:
    width = console.width if console.is_terminal else 10**6
    for number, line in enumerate(Text(text).wrap(console, width - indent - 2)):
        console.print(" " * (indent + 2 * bool(number)) + line.plain, style=style, markup=False,
                      soft_wrap=True)  # fmt: skip
