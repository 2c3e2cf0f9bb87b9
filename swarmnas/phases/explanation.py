"""Policies and decisions in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from swarmnas.phases.decisions import Decision
from swarmnas.phases.engine import replay
from swarmnas.phases.policy import Phase, Policy
from swarmnas.phases.signals import Signals, visit
from swarmnas.phases.triggers import Reading, Trigger

__all__ = ["Switch", "describe", "explain_switches"]

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
}
_DRAWN = {"none": "", "normal": " with noise", "dirichlet": ", drawn around it"}
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
class Switch:
    """One change of phase, or the end, with what is needed to follow it.

    Args:
        epoch: After which epoch it happened.
        source: The phase that ended.
        target: The phase that began; None where the search stopped.
        reason: The decision's own reason.
        readings: The fired trigger's readings over the last epochs, oldest first.
        easier: After which epoch it would have happened with the threshold one step easier.
        harder: The same, one step harder; None where it would not have fired by then.
    """

    epoch: int
    source: str
    target: str | None
    reason: str
    readings: tuple[float, ...]
    easier: int | None
    harder: int | None

    def to_text(self) -> str:
        """Return it in a few lines of plain text."""
        lines = [f"after epoch {self.epoch}: {self.reason}"]
        if self.readings:
            lines.append(f"  last readings: {', '.join(f'{value:.4g}' for value in self.readings)}")
        for word, epoch in (("easier", self.easier), ("harder", self.harder)):
            then = "not by then" if epoch is None else f"after epoch {epoch}"
            lines.append(f"  with the threshold one step {word}: {then}")
        return "\n".join(lines)


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
        values = trigger.values(past) if isinstance(trigger, Reading) else ()
        found.append(
            Switch(
                epoch=signals.epoch,
                source=signals.phase,
                target=None if decision.stop else decision.phase,
                reason=decision.reason,
                readings=tuple(values[-readings:]),
                easier=_first(trigger and trigger.eased(1), past),
                harder=_first(trigger and trigger.eased(-1), past),
            )
        )
    return found


def _fired(phase: Phase, decision: Decision) -> Trigger | None:
    """Return the trigger behind a switch; None where it was the cap."""
    asked = [*(back.when for back in phase.back_to), *phase.until]
    last = len(decision.verdicts) - 1
    return asked[last] if 0 <= last < len(asked) and decision.verdicts[last].fired else None


def _first(trigger: Trigger | None, past: Sequence[Signals]) -> int | None:
    """Return after which epoch of the present stay a trigger first fires."""
    for at in range(len(past) - len(visit(past)), len(past)) if trigger else ():
        if trigger and trigger.check(past[: at + 1]).fired:
            return past[at].epoch
    return None
