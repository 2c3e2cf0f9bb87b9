"""The engine keeps the history of one search; `simulate` replays a policy over a recorded one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from swarmnas.checks import explain
from swarmnas.errors import StateError
from swarmnas.phases.decisions import Decision
from swarmnas.phases.policy import Phase, Policy
from swarmnas.phases.signals import Signals

__all__ = ["PolicyEngine", "replay", "simulate"]


class PolicyEngine:
    """Drives a loop through the phases of a policy; touches no network.

    Args:
        policy: What decides.

    Example:
        >>> from swarmnas.phases import load_policy
        >>> engine = PolicyEngine(load_policy("darts").rescaled(epochs=2))
        >>> for epoch in (1, 2):
        ...     here = dict(phase=engine.phase.name, phase_epochs=engine.phase_epochs + 1)
        ...     decision = engine.observe(Signals(epoch=epoch, **here))
        >>> decision.stop, decision.reason
        (True, "'search' ends, the search stops: epochs in the phase 2 >= 2")
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._history: list[Signals] = []
        self._decisions = [policy.decide(())]

    @property
    def history(self) -> tuple[Signals, ...]:
        """Every record observed, oldest first."""
        return tuple(self._history)

    @property
    def decision(self) -> Decision:
        """The latest decision; before the first epoch, the one that begins the search."""
        return self._decisions[-1]

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """One decision for each record of the history."""
        return tuple(self._decisions[1:])

    @property
    def phase(self) -> Phase:
        """The phase that the next epoch belongs to."""
        return self.policy[self.decision.phase]

    @property
    def phase_epochs(self) -> int:
        """Epochs completed since that phase was entered."""
        last = self._history[-1] if self._history else None
        return last.phase_epochs if last and last.phase == self.decision.phase else 0

    def observe(self, signals: Signals) -> Decision:
        """Take the record of the epoch that just ended, and decide.

        Raises:
            StateError: The search has stopped, or the record does not follow on the last one;
                nothing changes.
        """
        if self.decision.stop:
            raise StateError(
                explain("observe", "a search that goes on", "one that has stopped", "End the loop.")
            )
        last = self._history[-1].epoch if self._history else 0
        if signals.phase != self.decision.phase or signals.epoch <= last:
            raise StateError(
                explain(
                    "observe",
                    f"an epoch after {last} of phase {self.decision.phase!r}",
                    f"epoch {signals.epoch} of phase {signals.phase!r}",
                    "Observe each epoch once, under engine.phase.",
                )
            )
        self._decisions.append(self.policy.decide((*self._history, signals)))
        self._history.append(signals)
        return self.decision

    def state_dict(self) -> dict[str, Any]:
        """Return the policy and the history as JSON objects; the rest follows from them."""
        return {
            "policy": self.policy.to_toml(),
            "history": [signals.to_json() for signals in self._history],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned.

        Raises:
            StateError: It belongs to another policy.
        """
        if state["policy"] != self.policy.to_toml():
            raise StateError(
                explain(
                    "state",
                    f"the state of policy {self.policy.name!r}, settings included",
                    "that of another",
                    "Build the engine from the policy that the run recorded.",
                )
            )
        self._history = [Signals.from_json(record) for record in state["history"]]
        ends = range(len(self._history) + 1)
        self._decisions = [self.policy.decide(self._history[:end]) for end in ends]


def replay(policy: Policy, history: Iterable[Signals]) -> PolicyEngine:
    """Return an engine that has seen recorded readings as if it had driven the search.

    Each record counts as an epoch of the phase that this policy is in at that time, so the policy
    may be another than the one that the run was driven by. A signal that the run did not record
    never fires a trigger. Records after a stop are left out.

    Args:
        policy: What decides.
        history: The records of a run, oldest first.
    """
    engine = PolicyEngine(policy)
    last = 0
    for signals in history:
        if engine.decision.stop:
            break
        phase_epochs = engine.phase_epochs + signals.epoch - last
        engine.observe(signals.within(engine.phase.name, phase_epochs))
        last = signals.epoch
    return engine


def simulate(policy: Policy, history: Iterable[Signals]) -> list[Decision]:
    """Return what a policy would have decided on recorded readings; see `replay`.

    For the run's own policy these are the run's own decisions, exactly.

    Returns:
        One decision a record, up to the first that stops.
    """
    return list(replay(policy, history).decisions)
