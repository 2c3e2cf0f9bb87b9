"""What a policy sees: one immutable record an epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from swarmnas.checks import as_int
from swarmnas.phases.records import read_record

__all__ = ["Signals", "epochs_without_gain", "visit"]

Probe = float | Mapping[str, float]
"""What a costly probe found: one number, or one for each name."""


@dataclass(frozen=True, kw_only=True)
class Signals:
    """The state of a search at the end of one epoch.

    None means that there was no reading. Counters say how much work was done and never fall, not
    even after a roll-back. Mappings are copied and read-only.

    Args:
        phase: Name of the phase that the epoch belonged to.
        phase_epochs: Epochs completed since that phase was entered, this one included, >= 1.
        epoch: Epochs completed in the search, this one included, >= 1.
        step: Weight steps taken.
        evaluations: Evaluations of particles.
        seconds: Seconds of searching; a clock, kept under "timing" in records.
        train_loss: Mean loss over the epoch's training images.
        valid_loss: Mean loss over the validation images.
        valid_accuracy: Share of validation images that the supernet gets right, in [0, 1].
        diversity: Diversity of the swarm on the softmax, in [0, 1]; None where there is no swarm.
        entropy: Mean entropy of an edge's softmax over ``log(num_ops)``, in [0, 1].
        genotype: The genotype that the alphas decode to, as text.
        operation_ranking: The ranking of each edge's parametric operations by alpha, as text.
        skip_count: Skip connections in the genotype, for each cell.
        skip_share: Share of the genotype's operations that are skip connections, in [0, 1].
        epochs_without_gain: Epochs since the lowest validation loss of the search.
        probes: Costly readings that the policy `needs`, by name: a number
            ("hessian-eigenvalue") or one for each operation ("gradient-agreement").

    Raises:
        SettingError: A counter is no integer, or below its least value.

    Example:
        >>> signals = Signals(phase="warm-up", phase_epochs=1, epoch=1, valid_loss=2.3)
        >>> Signals.from_json(signals.to_json()) == signals
        True
    """

    phase: str
    phase_epochs: int
    epoch: int
    step: int = 0
    evaluations: int = 0
    seconds: float = 0.0
    train_loss: float | None = None
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    diversity: float | None = None
    entropy: float | None = None
    genotype: str | None = None
    operation_ranking: str | None = None
    skip_count: Mapping[str, int] | None = None
    skip_share: float | None = None
    epochs_without_gain: int | None = None
    probes: Mapping[str, Probe] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make plain numbers of those of any array library, and shut the mappings."""
        plain: dict[str, Any] = {
            name: as_int(name, getattr(self, name), low=low) for name, low in _COUNTERS.items()
        }
        for name in _READINGS:
            value = getattr(self, name)
            plain[name] = None if value is None else float(value)
        if self.skip_count is not None:
            plain["skip_count"] = _shut(self.skip_count, int)
        plain["probes"] = _shut(self.probes, _shut_probe)
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object, without what has no reading; the clock stands under "timing"."""
        found = {f.name: _plain(getattr(self, f.name)) for f in fields(self)}
        timing = {"seconds": found.pop("seconds")}
        return {name: value for name, value in found.items() if value is not None} | {
            "timing": timing
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Signals:
        """Return what `to_json` wrote; other keys of the record are passed over.

        Raises:
            DocumentError: A value has the wrong type or is missing.
        """
        timing = record.get("timing")
        seconds: dict[str, Any] = {}
        if isinstance(timing, Mapping) and "seconds" in timing:
            seconds["seconds"] = timing["seconds"]
        return read_record(cls, record, "signals", **seconds)

    def within(self, phase: str, phase_epochs: int) -> Signals:
        """Return the same readings as if taken in another phase."""
        return replace(self, phase=phase, phase_epochs=phase_epochs)


_COUNTERS = {"phase_epochs": 1, "epoch": 1, "step": 0, "evaluations": 0}
_READINGS = (
    "seconds",
    "train_loss",
    "valid_loss",
    "valid_accuracy",
    "diversity",
    "entropy",
    "skip_share",
)


def _shut(mapping: Mapping[str, Any], plain: Callable[[Any], Any]) -> Mapping[str, Any]:
    return MappingProxyType({name: plain(value) for name, value in mapping.items()})


def _shut_probe(probe: Any) -> Probe:
    return _shut(probe, float) if isinstance(probe, Mapping) else float(probe)


def _plain(value: Any) -> Any:
    """Return ``value`` as JSON knows it: plain dicts, and text for floats that are not finite."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def visit(history: Sequence[Signals]) -> Sequence[Signals]:
    """Return the records of the present stay in the present phase: the last ones of one phase."""
    start = len(history)
    while start and history[start - 1].phase == history[-1].phase:
        start -= 1
    return history[start:]


def epochs_without_gain(losses: Iterable[float], *, min_delta: float = 0.0) -> tuple[int, ...]:
    """Return, for each epoch, how many epochs ago the loss last fell.

    A loss is a gain when it is below the best one before it by more than ``min_delta``; the first
    finite loss is a gain; one that is not finite is none.

    Args:
        losses: One loss an epoch, oldest first.
        min_delta: What a gain must exceed, >= 0.

    Example:
        >>> epochs_without_gain([3.0, 2.0, 2.5, 2.0, 1.9])
        (0, 0, 1, 2, 0)
    """
    best, waited, found = math.inf, 0, []
    for loss in losses:
        gained = math.isfinite(loss) and loss < best - min_delta
        best, waited = (loss, 0) if gained else (best, waited + 1)
        found.append(waited)
    return tuple(found)
