"""What a policy answers: verdicts of its triggers, actions, and the decision with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, get_args

from swarmnas.checks import one_of
from swarmnas.errors import DocumentError
from swarmnas.phases.records import read_record

__all__ = [
    "Action",
    "Decision",
    "FreezeOperations",
    "HandOver",
    "ReseedSwarm",
    "RollBack",
    "Stop",
    "Verdict",
]


@dataclass(frozen=True)
class HandOver:
    """The alphas change hands, between phases or between the turns of one.

    Args:
        source: Phase that moved the alphas so far.
        target: Phase that moves them from now on.
        rule: Which alphas it starts from: "alphas" (those of the supernet, as they are), or, out
            of a swarm, "recommend", "best" or "centre".
    """

    kind: ClassVar[str] = "hand-over"
    source: str
    target: str
    rule: str


@dataclass(frozen=True)
class ReseedSwarm:
    """A fresh swarm starts.

    Args:
        spread: Standard deviation of the particles around the alphas, in logits; None: uniformly
            over the box, because nothing has moved the alphas yet.
    """

    kind: ClassVar[str] = "reseed-swarm"
    spread: float | None


@dataclass(frozen=True)
class RollBack:
    """Weights and alphas return to what they were at the end of an earlier epoch; counters do not.

    Args:
        epoch: Epochs completed then, as in `Signals.epoch`.
    """

    kind: ClassVar[str] = "roll-back"
    epoch: int


@dataclass(frozen=True)
class FreezeOperations:
    """The weights of these operations train no further; alphas still do.

    Args:
        operations: Names as the probe gave them.
    """

    kind: ClassVar[str] = "freeze-operations"
    operations: tuple[str, ...]


@dataclass(frozen=True)
class Stop:
    """The search ends."""

    kind: ClassVar[str] = "stop"


Action = HandOver | ReseedSwarm | RollBack | FreezeOperations | Stop
_ACTIONS = {action.kind: action for action in get_args(Action)}


@dataclass(frozen=True)
class Verdict:
    """What a trigger found in a history.

    Args:
        trigger: Its name.
        fired: Whether it fired.
        reason: One line with the numbers and the threshold.
        value: The latest reading; None where there is none.
        threshold: What it was held against.
        margin: How far past the threshold the weakest epoch of its patience lies, in the unit of
            the reading; negative: how far the threshold would have to move for it to fire. None
            where no threshold would do (too few readings) or where parts decide.
        actions: What comes with its firing.
        parts: The verdicts that it was composed of.
    """

    trigger: str
    fired: bool
    reason: str
    value: float | None = None
    threshold: float | None = None
    margin: float | None = None
    actions: tuple[Action, ...] = ()
    parts: tuple[Verdict, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        return _object(self) | {
            "actions": [_action_to_json(action) for action in self.actions],
            "parts": [part.to_json() for part in self.parts],
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Verdict:
        """Return what `to_json` wrote."""
        return read_record(
            cls,
            record,
            "decision",
            actions=tuple(map(_action_from_json, _objects(record, "actions"))),
            parts=tuple(map(Verdict.from_json, _objects(record, "parts"))),
        )


@dataclass(frozen=True)
class Decision:
    """What a policy says at the end of an epoch.

    Args:
        phase: Name of the phase that the next epoch belongs to.
        actions: What to do before it, in this order.
        reason: One line: why, with the numbers.
        stop: Whether the search ends here; then ``phase`` is the one it ends in.
        verdicts: The triggers that were asked, and what they found.

    Example:
        >>> decision = Decision("warm-up", reason="the search begins")
        >>> Decision.from_json(decision.to_json()) == decision
        True
    """

    phase: str
    actions: tuple[Action, ...] = ()
    reason: str = ""
    stop: bool = False
    verdicts: tuple[Verdict, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        return _object(self) | {
            "actions": [_action_to_json(action) for action in self.actions],
            "verdicts": [verdict.to_json() for verdict in self.verdicts],
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Decision:
        """Return what `to_json` wrote; other keys of the record are passed over.

        Raises:
            DocumentError: The record is no decision.
        """
        return read_record(
            cls,
            record,
            "decision",
            actions=tuple(map(_action_from_json, _objects(record, "actions"))),
            verdicts=tuple(map(Verdict.from_json, _objects(record, "verdicts"))),
        )


def _object(item: Any) -> dict[str, Any]:
    return {f.name: getattr(item, f.name) for f in fields(item)}


def _objects(record: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = record.get(key, [])
    if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
        raise DocumentError(
            f"decision, {key}: expected a list of objects; got {found!r:.60}. "
            "Is the record one of a search?"
        )
    return found


def _action_to_json(action: Action) -> dict[str, Any]:
    plain = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in _object(action).items()
    }
    return {"action": action.kind, **plain}


def _action_from_json(record: Mapping[str, Any]) -> Action:
    kind: type[Action] = _ACTIONS[one_of("action", str(record.get("action")), _ACTIONS)]
    return read_record(kind, record, "action")
