"""Policies and decisions in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from swarmnas.phases.decisions import Action, Decision, HandOver, ReseedSwarm, RollBack
from swarmnas.phases.engine import replay
from swarmnas.phases.policy import Phase, Policy
from swarmnas.phases.signals import Signals, visit
from swarmnas.phases.triggers import Reading, Trigger

__all__ = ["Alternative", "Switch", "describe", "explain_switches", "told"]

_ALPHAS = {
    "frozen": "the alphas are frozen",
    "gradient": "the gradient moves the alphas",
    "swarm": "a swarm moves the alphas",
    "alternate": "swarm and gradient move the alphas in turn",
}
_TRAIN_UNDER = {
    "alphas": "the softmax of the alphas",
    "dirichlet": "random mixing",
    "particles": "sampled particles",
    "centre": "the swarm's centre",
    "incumbent": "the swarm's best particle",
    "origin": "the softmax of the alphas at the swarm's origin",
}
_DRAWN = {"none": "", "normal": " with noise", "dirichlet": ", drawn around it"}
_RULES = {
    "alphas": "as they are",
    "recommend": "the swarm's recommendation",
    "best": "the swarm's best particle",
    "centre": "the swarm's centre",
}
_WEIGHTS = {"gradient": "the gradient moves the weights", "frozen": "the weights are frozen"}


def describe(policy: Policy) -> list[str]:
    """Return a sentence for each phase, in order.

    Example:
        >>> from swarmnas.phases import load_policy
        >>> describe(load_policy("darts"))[0]
        'In search the gradient moves the alphas (order 1) and the gradient moves the weights \
under the softmax of the alphas, until epochs in the phase >= 50; then the search stops.'
    """
    following = [*(f"{phase.name} begins" for phase in policy.phases[1:]), "the search stops"]
    return [_sentence(phase, after) for phase, after in zip(policy.phases, following, strict=True)]


def _sentence(phase: Phase, after: str) -> str:
    settings = phase.settings()
    alphas = _ALPHAS[phase.alphas]
    details = [phase.optimizer] if "optimizer" in settings else []
    details += [f"order {phase.order}"] if "order" in settings else []
    alphas += f" ({', '.join(details)})" if details else ""
    weights = _WEIGHTS[phase.weights]
    if "train_under" in settings:
        weights += f" under {_TRAIN_UNDER[phase.train_under]}{_DRAWN[phase.draw_around]}"
    ends = " or ".join(trigger.phrase() for trigger in phase.until) or "the cap is reached"
    backs = "".join(f"; back to {b.phase} when {b.when.phrase()}" for b in phase.back_to)
    return f"In {phase.name} {alphas} and {weights}, until {ends}; then {after}{backs}."


@dataclass(frozen=True)
class Alternative:
    """When a trigger would have fired with another threshold.

    Args:
        condition: The trigger with that threshold, in words.
        epoch: After which epoch; None where not by the time of the switch.
    """

    condition: str
    epoch: int | None

    def to_text(self) -> str:
        """Return it as a sentence."""
        when = "not have fired by then"
        if self.epoch is not None:
            when = f"have fired after epoch {self.epoch}"
        return f"{self.condition}: would {when}"


@dataclass(frozen=True)
class Switch:
    """One change of phase, or the end, with what is needed to follow it.

    Args:
        epoch: After which epoch it happened.
        source: The phase that ended.
        target: The phase that began; None where the search stopped.
        reason: The decision's own reason.
        actions: What came with it.
        readings: What the fired trigger read over the last epochs, oldest first, by what was read;
            empty where it was the cap.
        easier: The trigger with its threshold one step easier; None where it was the cap.
        harder: The same, one step harder.
        waiting: What the phase's other triggers found, those that were asked and did not fire.
    """

    epoch: int
    source: str
    target: str | None
    reason: str
    actions: tuple[Action, ...]
    readings: Mapping[str, tuple[float, ...]]
    easier: Alternative | None
    harder: Alternative | None
    waiting: tuple[str, ...]

    def to_text(self) -> str:
        """Return it in a few lines of plain text."""
        lines = [f"after epoch {self.epoch}: {self.reason}"]
        for label, values in self.readings.items():
            lines.append(f"  {label}: {', '.join(f'{value:.4g}' for value in values)}")
        lines += [f"  {other.to_text()}" for other in (self.easier, self.harder) if other]
        lines += [f"  asked before it: {reason}" for reason in self.waiting]
        lines += [f"  {text}" for text in map(told, self.actions) if text]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        decision = Decision(self.source, self.actions).to_json()
        return {**asdict(self), "actions": decision["actions"]}


def told(action: Action) -> str | None:
    """Return an action as a sentence; None where a decision's reason has said it."""
    if isinstance(action, HandOver):
        return f"alphas pass on: {_RULES[action.rule]}"
    if isinstance(action, ReseedSwarm):
        where = "over the whole box" if action.spread is None else "around the alphas"
        spread = "" if action.spread is None else f", spread {action.spread:g}"
        return f"a fresh swarm starts {where}{spread}"
    if isinstance(action, RollBack):
        return f"weights and alphas return to the end of epoch {action.epoch}"
    return None


def explain_switches(
    policy: Policy, history: Iterable[Signals], *, readings: int = 5
) -> list[Switch]:
    """Return each switch that a policy makes over recorded signals, explained.

    A step of a threshold is 1 for whole numbers and a tenth of it for others; the other triggers
    of the phase are left out of the question.

    Args:
        policy: What decides; the run's own for its own decisions.
        history: The records of the run.
        readings: How many of the trigger's last readings to return.
    """
    engine = replay(policy, history)
    records, found = engine.history, list[Switch]()
    for at, (signals, decision) in enumerate(zip(records, engine.decisions, strict=True)):
        if decision.phase == signals.phase and not decision.stop:
            continue
        past, trigger = records[: at + 1], _fired(policy[signals.phase], decision)
        leaves = [leaf for leaf in trigger.leaves() if isinstance(leaf, Reading)] if trigger else []
        found.append(
            Switch(
                epoch=signals.epoch,
                source=signals.phase,
                target=None if decision.stop else decision.phase,
                reason=decision.reason,
                actions=decision.actions,
                readings={
                    leaf.describe_value(): tuple(leaf.values(past)[-readings:]) for leaf in leaves
                },
                easier=_alternative(trigger, 1, past),
                harder=_alternative(trigger, -1, past),
                waiting=tuple(v.reason for v in decision.verdicts if not v.fired),
            )
        )
    return found


def _alternative(
    trigger: Trigger | None, steps: int, past: Sequence[Signals]
) -> Alternative | None:
    if trigger is None:
        return None
    eased = trigger.eased(steps)
    return Alternative(eased.phrase(), _first(eased, past))


def _fired(phase: Phase, decision: Decision) -> Trigger | None:
    """Return the trigger behind a switch; None where it was the cap."""
    asked = [*(back.when for back in phase.back_to), *phase.until]
    last = len(decision.verdicts) - 1
    return asked[last] if 0 <= last < len(asked) and decision.verdicts[last].fired else None


def _first(trigger: Trigger, past: Sequence[Signals]) -> int | None:
    """Return after which epoch of the present stay a trigger first fires."""
    for at in range(len(past) - len(visit(past)), len(past)):
        if trigger.check(past[: at + 1]).fired:
            return past[at].epoch
    return None
