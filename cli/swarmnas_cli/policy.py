"""`swarmnas policy`: show one, try one on a recorded search, begin one of your own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from swarmnas.phases import (
    Decision,
    Phase,
    Policy,
    Verdict,
    describe,
    explain_switches,
    load_policy,
    simulate,
)
from swarmnas_cli.explain import print_switch
from swarmnas_cli.files import write_new
from swarmnas_cli.recorded import Recorded

app = typer.Typer(help="Show, try and write policies.", no_args_is_help=True)

_NAME = typer.Argument(help="A registered policy (`swarmnas list policies`) or a TOML file.")
_JSON = typer.Option("--json", help="Print JSON for scripts.")
_WIDTH = 76


@app.command()
def show(
    name: Annotated[str, _NAME],
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Scale it to a search of this length.")
    ] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Draw a policy and say in a sentence what each phase does."""
    policy = load_policy(name)
    policy = policy if epochs is None else policy.rescaled(epochs=epochs)
    if as_json:
        phases = [phase.to_data() for phase in policy.phases]
        head = {"name": policy.name, "epochs": policy.epochs, "max_epochs": policy.cap}
        typer.echo(json.dumps({**head, "phases": phases, "sentences": describe(policy)}))
        return
    console = Console(highlight=False)
    console.print(f"{policy.name}: planned for {policy.epochs} epochs", style="bold", markup=False)
    _draw(console, policy)
    for sentence in describe(policy):
        console.print()
        console.print(sentence, markup=False)


def _draw(console: Console, policy: Policy) -> None:
    line, tip = ("|", "v") if console.options.ascii_only else ("│", "▼")
    for phase in policy.phases:
        body, title = Text("\n".join(_rows(phase))), Text(phase.name)
        width = min(console.width, _WIDTH)
        console.print(
            Panel(body, title=title, title_align="left", width=width, highlight=False),
        )
        conditions = [trigger.phrase() for trigger in phase.until]
        for word, condition in zip(["", *["or "] * len(conditions)], conditions, strict=False):
            console.print(f"   {line} {word}{condition}", markup=False)
        console.print(f"   {tip}")
    console.print(f"the search stops; after {policy.cap} epochs it does in any case")


def _rows(phase: Phase) -> Iterator[str]:
    """Yield what a phase does, then each setting that is not the default, then its ways back."""
    settings = phase.settings()
    by = f" by {phase.optimizer}" if "optimizer" in settings else ""
    yield f"alphas   {phase.alphas}{by}"
    yield f"weights  {phase.weights}"
    for name, value in phase.to_data().items():
        known = name in ("name", "alphas", "weights", "optimizer", "until", "back_to", "freeze")
        if not known and value != Phase.model_fields[name].default:
            yield f"{name} = {value}"
    if phase.freeze is not None:
        yield f"operations freeze when {phase.freeze.phrase()}"
    for back in phase.back_to:
        yield f"back to {back.phase} when {back.when.phrase()}"


@app.command("simulate")
def simulate_(
    name: Annotated[str, _NAME],
    history: Annotated[Path, typer.Option(help="The run directory of a search.")],
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Scale the policy to this plan; by default to the run's."),
    ] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Replay a policy over the readings of a search: when would it have switched, and why?"""
    run = Recorded.read(history)
    policy = load_policy(name)
    plan = run.policy.epochs if epochs is None else epochs
    scaled = policy if plan == policy.epochs else policy.rescaled(epochs=plan)
    decisions = simulate(scaled, run.history)
    same = decisions == run.decisions
    switches = explain_switches(scaled, run.history)
    blind = _blind(decisions)
    if as_json:
        found = {
            "epochs": plan,
            "decisions": [decision.to_json() for decision in decisions],
            "switches": [switch.to_json() for switch in switches],
            "same_as_the_run": same,
            "without_readings": blind,
        }
        typer.echo(json.dumps(found))
        return
    console = Console(highlight=False)
    text = f"{policy.name} on {len(decisions)} of {len(run.history)} recorded epochs"
    if scaled is not policy:
        text += f", scaled from {policy.epochs} planned epochs to {plan}"
    console.print(text, style="bold", markup=False)
    for switch in switches:
        console.print()
        print_switch(console, switch)
    console.print()
    if not decisions[-1].stop:
        console.print(f"after epoch {run.history[-1].epoch}: {decisions[-1].reason}", markup=False)
    if blind:
        console.print(
            f"This run has no readings for: {', '.join(blind)}. They could not fire.", markup=False
        )
    ends = "These are the run's own decisions." if same else "The run itself decided otherwise."
    console.print(ends, markup=False)


def _blind(decisions: list[Decision]) -> list[str]:
    """Return the triggers that were asked and never had a reading."""
    leaves = [leaf for d in decisions for v in d.verdicts for leaf in _leaves(v)]
    seen = {leaf.trigger for leaf in leaves if leaf.value is not None}
    return sorted({leaf.trigger for leaf in leaves} - seen)


def _leaves(verdict: Verdict) -> Iterator[Verdict]:
    for part in verdict.parts:
        yield from _leaves(part)
    if not verdict.parts:
        yield verdict


@app.command()
def new(
    path: Annotated[
        Path | None, typer.Argument(help="The file to write; the terminal where left out.")
    ] = None,
) -> None:
    """Write a commented policy to begin from."""
    text = (files(__package__) / "policy_template.toml").read_text(encoding="utf-8")
    if path is None:
        typer.echo(text, nl=False)
        return
    write_new(path, text, fix="Choose another name.")
    typer.echo(f"Wrote {path}. Try: swarmnas policy show {path}")
