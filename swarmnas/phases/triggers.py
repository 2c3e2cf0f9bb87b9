"""Triggers: when a phase is over. Each reads the history, and nothing else.

A trigger compares the latest readings of one signal, within the present stay in the present
phase, with a threshold. ``for_epochs`` is patience: the comparison must hold at each of the last
so many readings. Epochs without a reading are passed over. `AllOf`, `AnyOf` and `Not` compose.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from swarmnas.checks import unknown_name
from swarmnas.errors import SettingError
from swarmnas.phases.decisions import Action, FreezeOperations, RollBack, Verdict
from swarmnas.phases.models import Count, Model, NonNegative, Number, refuse
from swarmnas.phases.signals import Signals, epochs_without_gain, visit
from swarmnas.registry import Registry

__all__ = [
    "AllOf",
    "AnyOf",
    "AnyTrigger",
    "Diversity",
    "Entropy",
    "Epochs",
    "Evaluations",
    "GenotypeStable",
    "GradientAgreement",
    "HessianEigenvalue",
    "NoGain",
    "Not",
    "RankingStable",
    "Reading",
    "Seconds",
    "SkipCount",
    "SkipShare",
    "Trigger",
    "triggers",
]

_HOLDS = {
    "<": lambda value, threshold: value < threshold,
    ">": lambda value, threshold: value > threshold,
    ">=": lambda value, threshold: value >= threshold,
}
_RELATIONS = {"below": "<", "above": ">", "at_least": ">=", "for_epochs": ">="}


class Trigger(Model, ABC):
    """A question that a history answers with yes or no, and with numbers."""

    name: ClassVar[str]
    """What a policy calls it."""
    needs_swarm: ClassVar[bool] = False
    """Whether only a swarm gives its readings."""
    probe: ClassVar[str | None] = None
    """The costly reading that it needs, by its key in `Signals.probes`."""
    epoch_settings: ClassVar[Mapping[str, int]] = {"for_epochs": 1}
    """Settings counted in epochs, and the least that each may become when a policy is rescaled."""

    @abstractmethod
    def check(self, history: Sequence[Signals]) -> Verdict:
        """Return the verdict on a history that holds at least one record; never changes it."""

    @abstractmethod
    def phrase(self) -> str:
        """Return the condition in words, for the end of a sentence."""

    @abstractmethod
    def earliest(self) -> int:
        """Return the least number of epochs in a phase after which it can fire, >= 1."""

    @abstractmethod
    def eased(self, steps: int) -> Trigger:
        """Return a copy whose threshold is easier to meet by ``steps``, harder where negative.

        A step is 1 for whole numbers, a tenth of the threshold for others.
        """

    def fired_over(self, history: Sequence[Signals], last: int) -> list[bool]:
        """Return whether it fires after each of the last epochs of the present stay."""
        first = len(history) - min(last, len(visit(history)))
        return [self.check(history[:end]).fired for end in range(first + 1, len(history) + 1)]

    def leaves(self) -> Iterator[Trigger]:
        """Yield the triggers that it is composed of; a simple one yields itself."""
        yield self

    def due(self, phase_epochs: int) -> bool:
        """Return whether its probe is wanted at the end of that epoch of the phase."""
        return True

    def roll_back_epochs(self) -> int:
        """Return how many epochs back its actions may reach; 0 where it rolls nothing back."""
        return 0

    def rescaled(self, factor: float) -> Trigger:
        """Return a copy with every setting that counts epochs multiplied, and rounded."""
        return self.model_copy(
            update={
                name: max(low, round(getattr(self, name) * factor))
                for name, low in self.epoch_settings.items()
                if getattr(self, name, None) is not None
            }
        )

    def to_data(self) -> dict[str, Any]:
        """Return it as a policy document holds it."""
        return {"trigger": self.name, **self.model_dump(exclude_none=True)}


def as_trigger(data: Any) -> Any:
    """Return the trigger that a table of a policy document stands for.

    Raises:
        SettingError: The table names no trigger, or an unknown one.
    """
    if not isinstance(data, Mapping):
        return data
    settings = dict(data)
    composites = [name for name in ("all", "any", "not") if name in settings]
    if "trigger" in settings:
        name = settings.pop("trigger")
    elif composites:
        name = composites[0]
    else:
        raise SettingError(
            f"trigger: expected the key 'trigger', 'all', 'any' or 'not'; got "
            f"{', '.join(map(str, settings)) or 'an empty table'}. Name a trigger, for example "
            '{ trigger = "epochs", at_least = 15 }.'
        )
    if not isinstance(name, str) or name not in triggers:
        refuse(unknown_name("trigger", name, triggers), "trigger")
    return triggers.load(name).model_validate(settings)


AnyTrigger = Annotated[Trigger, BeforeValidator(as_trigger)]
"""A trigger, or the table of a policy document that stands for one."""


class Reading(Trigger):
    """A trigger that compares readings of one number with one threshold.

    A subclass has `label`, `values`, and one or more of the settings ``below``, ``above``,
    ``at_least`` (exactly one of which is given), or counts epochs up to its ``for_epochs``.
    """

    label: ClassVar[str]
    """What is read, in words."""
    bounds: ClassVar[tuple[str, ...]]
    """The settings that may hold the threshold."""

    @abstractmethod
    def values(self, history: Sequence[Signals]) -> Sequence[float]:
        """Return the readings of the present stay in the phase, oldest first, all finite."""

    def describe_value(self) -> str:
        """Return what is read, in words, its settings included."""
        return self.label

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        given = [bound for bound in self.bounds if getattr(self, bound) is not None]
        if len(given) != 1:
            raise SettingError(
                f"{self.name}: expected exactly one of {', '.join(self.bounds)}; got "
                f"{' and '.join(given) or 'none'}. Give one threshold."
            )
        return self

    @property
    def bound(self) -> str:
        """The setting that holds the threshold."""
        return next(bound for bound in self.bounds if getattr(self, bound) is not None)

    @property
    def threshold(self) -> float:
        """What readings are held against."""
        threshold: float = getattr(self, self.bound)
        return threshold

    @property
    def patience(self) -> int:
        """How many readings in a row must hold."""
        return 1 if self.bound == "for_epochs" else getattr(self, "for_epochs", 1)

    def check(self, history: Sequence[Signals]) -> Verdict:
        """Compare the latest readings with the threshold."""
        values = [float(value) for value in self.values(history)][-self.patience :]
        relation, threshold = _RELATIONS[self.bound], self.threshold
        if not values:
            reason = f"{self.describe_value()}: no reading yet"
            return Verdict(self.name, False, reason, threshold=threshold)
        holds = [_HOLDS[relation](value, threshold) for value in values]
        held = holds[::-1].index(False) if False in holds else len(holds)
        fired = held >= self.patience
        sign = -1.0 if relation == "<" else 1.0
        full = len(values) == self.patience
        margin = min(sign * (value - threshold) for value in values) if full else None
        need = f" {relation}" if fired else f", needs {relation}"
        reason = f"{self.describe_value()} {values[-1]:.4g}{need} {threshold:.4g}"
        if self.patience > 1:
            reason += f" ({held} of {self.patience} epochs)"
        actions = self.actions(history) if fired else ()
        return Verdict(self.name, fired, reason, values[-1], threshold, margin, actions)

    def actions(self, history: Sequence[Signals]) -> tuple[Action, ...]:
        """Return what comes with the firing."""
        return ()

    def phrase(self) -> str:
        """Return the comparison in words."""
        text = f"{self.describe_value()} {_RELATIONS[self.bound]} {self.threshold:.4g}"
        return text + (f" for {self.patience} epochs" if self.patience > 1 else "")

    def earliest(self) -> int:
        """Return the patience: a reading an epoch."""
        return self.patience

    def eased(self, steps: int) -> Trigger:
        """Return a copy with the threshold moved."""
        value, sign = getattr(self, self.bound), 1 if self.bound == "below" else -1
        step = 1 if isinstance(value, int) else abs(value) / 10
        return self.model_copy(update={self.bound: value + sign * steps * step})


def _finite(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


# --- Work done ------------------------------------------------------------------------------------


class Epochs(Reading):
    """Epochs completed in the phase. Source: every schedule with fixed phase lengths."""

    name = "epochs"
    label = "epochs in the phase"
    bounds = ("at_least",)
    epoch_settings = {"at_least": 1}  # noqa: RUF012
    at_least: Count

    def values(self, history: Sequence[Signals]) -> Sequence[float]:
        """Return the count of the phase's epochs."""
        return [signals.phase_epochs for signals in visit(history)]

    def earliest(self) -> int:
        """Return the threshold."""
        return self.at_least


def _gained(history: Sequence[Signals], name: str) -> list[float]:
    """Return what a counter of the whole search gained since the phase was entered."""
    here = visit(history)
    entered = len(history) - len(here)
    before = getattr(history[entered - 1], name) if entered else 0
    return [getattr(signals, name) - before for signals in here]


class Seconds(Reading):
    """Seconds spent in the phase. Makes a policy irreproducible: clocks differ between runs."""

    name = "seconds"
    label = "seconds in the phase"
    bounds = ("at_least",)
    epoch_settings = {}  # noqa: RUF012
    at_least: Annotated[Number, Field(gt=0)]

    def values(self, history: Sequence[Signals]) -> Sequence[float]:
        """Return the seconds since the phase was entered."""
        return _finite(_gained(history, "seconds"))


class Evaluations(Reading):
    """Particles evaluated in the phase. Source: the budget of every ask/tell optimizer."""

    name = "evaluations"
    label = "evaluations in the phase"
    bounds = ("at_least",)
    epoch_settings = {}  # noqa: RUF012
    needs_swarm = True
    at_least: Count

    def values(self, history: Sequence[Signals]) -> Sequence[float]:
        """Return the evaluations since the phase was entered."""
        return _gained(history, "evaluations")


# --- Swarm and alphas -----------------------------------------------------------------------------


class _Level(Reading):
    """A signal between 0 and 1: its value, its share of the start, or its slope."""

    signal: ClassVar[str]
    bounds = ("below", "above")
    epoch_settings = {"for_epochs": 1, "slope_over": 2}  # noqa: RUF012
    below: Number | None = None
    above: Number | None = None
    relative: bool = Field(default=False, strict=True)
    slope_over: Annotated[int, Field(strict=True, ge=2)] | None = None
    for_epochs: Count = 1

    def describe_value(self) -> str:
        """Return the signal and how it is read."""
        text = self.label + (" over its start" if self.relative else "")
        return text if self.slope_over is None else f"slope of {text} in {self.slope_over} epochs"

    def values(self, history: Sequence[Signals]) -> Sequence[float]:
        """Return the signal as ``relative`` and ``slope_over`` ask for it."""
        read = [(s.epoch, getattr(s, self.signal)) for s in visit(history)]
        read = [(epoch, value) for epoch, value in read if _finite([value])]
        values = [value for _, value in read]
        if self.relative:
            if not values or values[0] <= 0:
                return []
            values = _finite([value / values[0] for value in values])
        if self.slope_over is None:
            return values
        epochs = [epoch for epoch, _ in read]
        windows = [
            slice(end - self.slope_over, end) for end in range(self.slope_over, len(read) + 1)
        ]
        return _finite([_slope(epochs[window], values[window]) for window in windows])

    def earliest(self) -> int:
        """Return the epochs that the first slope and the patience take."""
        return self.for_epochs + (self.slope_over or 1) - 1


def _slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Return the slope of the least-squares line; NaN where every x is the same."""
    middle = sum(x) / len(x)
    width = sum((at - middle) ** 2 for at in x)
    return sum((at - middle) * value for at, value in zip(x, y, strict=True)) / (width or math.nan)


class Diversity(_Level):
    """Diversity of the swarm, measured on the softmax, in [0, 1].

    ``relative = true`` divides by the phase's first reading; ``slope_over = k`` takes the slope of
    the least-squares line through the last k readings, a unit an epoch.

    Source: ours; no publication that we read switches from swarm to gradient on diversity.
    """

    name = "diversity"
    label = "swarm diversity"
    signal = "diversity"
    needs_swarm = True


class Entropy(_Level):
    """Mean entropy of an edge's softmax over ``log(num_ops)``, in [0, 1]: 1 is undecided.

    ``relative`` and ``slope_over`` as for `Diversity`.

    Source: entropy schedules of discretisation-aware search (arXiv 2306.06855); the rule is ours.
    """

    name = "entropy"
    label = "entropy of the alphas"
    signal = "entropy"


# --- No change ------------------------------------------------------------------------------------


class NoGain(Reading):
    """Epochs in the phase since its lowest validation loss fell by more than ``min_delta``.

    The phase's first finite loss is a gain; one that is not finite is none. Source: plain early
    stopping.
    """

    name = "no-gain"
    label = "epochs without a gain of validation loss"
    bounds = ("for_epochs",)
    for_epochs: Count
    min_delta: NonNegative = 0.0

    def values(self, history: Sequence[Signals]) -> Sequence[float]:
        """Return the epochs since the last gain."""
        losses = [signals.valid_loss for signals in visit(history)]
        read = [loss for loss in losses if loss is not None]
        return epochs_without_gain(read, min_delta=self.min_delta)

    def earliest(self) -> int:
        """Return the patience: every loss of the phase may be no number."""
        return self.for_epochs


class _Unchanged(Reading):
    """Epochs in a row at whose end a text was the same as at the end of the epoch before."""

    signal: ClassVar[str]
    bounds = ("for_epochs",)

    def values(self, history: Sequence[Signals]) -> Sequence[float]:
        """Return the epochs without a change, counted from the phase's second epoch."""
        read = [getattr(signals, self.signal) for signals in visit(history)]
        read = [text for text in read if text is not None]
        counts: list[float] = [0] if read else []
        for before, text in pairwise(read):
            counts.append(counts[-1] + 1 if text == before else 0)
        return counts

    def earliest(self) -> int:
        """Return one more than the patience: a phase's first epoch has none to compare with."""
        return int(self.threshold) + 1


class GenotypeStable(_Unchanged):
    """The genotype stayed the same for ``for_epochs`` epochs of the phase. Source: ours."""

    name = "genotype-stable"
    label = "epochs with an unchanged genotype"
    signal = "genotype"
    for_epochs: Count


class RankingStable(_Unchanged):
    """The ranking of parametric operations by alpha, on every edge, stayed for ``for_epochs``.

    Source: DARTS+ (arXiv 1909.06035), criterion 2, which names 10 epochs.
    """

    name = "ranking-stable"
    label = "epochs with an unchanged ranking of operations"
    signal = "operation_ranking"
    for_epochs: Count = 10


# --- Collapse -------------------------------------------------------------------------------------


class SkipCount(Reading):
    """Skip connections in the genotype of ``cell``, or in the cell with most where none is named.

    Source: DARTS+ (arXiv 1909.06035), criterion 1: two or more in the normal cell.
    """

    name = "skip-count"
    label = "skip connections"
    bounds = ("at_least",)
    at_least: Count = 2
    cell: str | None = None
    for_epochs: Count = 1

    def describe_value(self) -> str:
        """Return the label and the cell."""
        return self.label + (f" in the {self.cell} cell" if self.cell else " in a cell")

    def values(self, history: Sequence[Signals]) -> Sequence[float]:
        """Return the count."""
        counts = [signals.skip_count for signals in visit(history)]
        if self.cell is None:
            return [max(count.values()) for count in counts if count]
        return [count[self.cell] for count in counts if count and self.cell in count]


class SkipShare(Reading):
    """Share of the genotype's operations that are skip connections, in [0, 1].

    Source: DARTS+ (arXiv 1909.06035), criterion 1, as a share so that it fits every space.
    """

    name = "skip-share"
    label = "share of skip connections"
    bounds = ("above", "at_least")
    above: Number | None = None
    at_least: Number | None = None
    for_epochs: Count = 1

    def values(self, history: Sequence[Signals]) -> Sequence[float]:
        """Return the share."""
        return _finite([signals.skip_share for signals in visit(history)])


# --- Costly probes --------------------------------------------------------------------------------


class HessianEigenvalue(Reading):
    """Growth of the smoothed dominant eigenvalue of the validation loss's Hessian in the alphas.

    Entries are taken at the phase's epochs 1, 1 + every, 1 + 2 every, and so on. The smoothed
    value of an entry is the mean of the last ``window`` entries, fewer at the start, from
    ``ceil(window / 2)`` on; it is attributed to the epoch ``floor(window / 2)`` entries earlier.
    The reading is the smoothed value over the one ``lag`` entries before, taken once that earlier
    one is attributed to epoch index ``start`` (from 0) or later. Firing rolls the search back to
    the end of the epoch that the earlier smoothed value is attributed to.

    Source: RobustDARTS (arXiv 1909.09656), DARTS-ES: ``every`` 2, ``window`` 5, ``lag`` 4,
    ``start`` 10, ratio 1.3, so a roll-back of 12 epochs. Differs from the paper: epochs count
    from the start of the phase, not of the search.
    """

    name = "hessian-eigenvalue"
    label = "growth of the Hessian's dominant eigenvalue"
    bounds = ("above",)
    epoch_settings = {"every": 1, "start": 0}  # noqa: RUF012
    probe = "hessian-eigenvalue"
    above: Annotated[Number, Field(gt=0)] = 1.3
    every: Count = 2
    window: Count = 5
    lag: Count = 4
    start: Annotated[int, Field(strict=True, ge=0)] = 10

    def due(self, phase_epochs: int) -> bool:
        """Return whether an entry is taken at the end of that epoch."""
        return (phase_epochs - 1) % self.every == 0

    def roll_back_epochs(self) -> int:
        """Return the epochs between an entry and the one it rolls back to, and those since."""
        return self.every * (self.window // 2 + self.lag) + self.every - 1

    def earliest(self) -> int:
        """Return the epoch of the first entry that is compared."""
        first = self.start + self.every * (self.window // 2 + self.lag)
        return math.ceil(first / self.every) * self.every + 1

    def _ratios(self, history: Sequence[Signals]) -> list[tuple[Signals, float]]:
        """Return the entries that are compared, each with its ratio."""
        entries = [signals for signals in visit(history) if self.due(signals.phase_epochs)]
        found = [signals.probes.get(self.name) for signals in entries]
        numbers = [value if isinstance(value, float | int) else math.nan for value in found]
        windows = [numbers[max(0, end - self.window) : end] for end in range(1, len(numbers) + 1)]
        smoothed = [sum(window) / len(window) for window in windows]
        return [
            (entry, now / before if before else math.nan)
            for entry, now, before in zip(
                entries[self.lag :], smoothed[self.lag :], smoothed, strict=False
            )
            if entry.phase_epochs >= self.earliest()
        ]

    def values(self, history: Sequence[Signals]) -> Sequence[float]:
        """Return the ratios of smoothed eigenvalues; the latest entry's has to be a number."""
        ratios = [ratio for _, ratio in self._ratios(history)]
        return ratios if ratios and math.isfinite(ratios[-1]) else []

    def actions(self, history: Sequence[Signals]) -> tuple[Action, ...]:
        """Return the roll-back."""
        entry, _ = self._ratios(history)[-1]
        return (RollBack(epoch=entry.epoch - self.every * (self.window // 2 + self.lag)),)


class GradientAgreement(Reading):
    """Agreement between the training and the validation gradient of an operation's weights.

    The reading is the lowest agreement of an operation: the cosine between the two gradients,
    averaged over the operation's tensors and over the steps of the probe. Firing freezes the
    weights of every operation below the threshold that was not below it before in the phase.

    Source: OLES (operation-level early stopping): 20 steps, threshold 0.4.
    """

    name = "gradient-agreement"
    label = "lowest gradient agreement of an operation"
    bounds = ("below",)
    epoch_settings = {}  # noqa: RUF012
    probe = "gradient-agreement"
    below: Number = 0.4

    def _agreements(self, signals: Signals) -> dict[str, float]:
        found = signals.probes.get(self.name)
        return dict(found) if isinstance(found, Mapping) else {}

    def values(self, history: Sequence[Signals]) -> Sequence[float]:
        """Return the lowest agreement."""
        found = [_finite(list(self._agreements(signals).values())) for signals in visit(history)]
        return [min(agreements) for agreements in found if agreements]

    def actions(self, history: Sequence[Signals]) -> tuple[Action, ...]:
        """Return the freezing of the operations that are newly below the threshold."""
        below = [
            {name for name, value in self._agreements(signals).items() if value < self.below}
            for signals in visit(history)
        ]
        fresh = below[-1].difference(*below[:-1])
        return (FreezeOperations(tuple(sorted(fresh))),) if fresh else ()


# --- Composition ----------------------------------------------------------------------------------


class _Composite(Trigger):
    """Triggers under one roof; patience asks them at each of the last epochs of the phase."""

    word: ClassVar[str]
    for_epochs: Count = 1

    @property
    @abstractmethod
    def members(self) -> tuple[Trigger, ...]:
        """The parts."""

    @abstractmethod
    def _with(self, members: tuple[Trigger, ...], **settings: Any) -> Trigger:
        """Return a copy with other parts."""

    @abstractmethod
    def _met(self, fired: Sequence[bool]) -> bool:
        """Return whether the parts' answers make one that holds."""

    def check(self, history: Sequence[Signals]) -> Verdict:
        """Ask the parts at the last epoch, and before it as far as the patience reaches."""
        parts = tuple(member.check(history) for member in self.members)
        met = self._met_over(history, self.for_epochs)
        held = met[::-1].index(False) if False in met else len(met)
        fired = held >= self.for_epochs
        reason = self._join([part.reason for part in parts])
        if self.for_epochs > 1:
            reason += f" ({held} of {self.for_epochs} epochs)"
        actions = tuple(a for part in parts if part.fired for a in part.actions) if fired else ()
        return Verdict(self.name, fired, reason, actions=actions, parts=parts)

    def fired_over(self, history: Sequence[Signals], last: int) -> list[bool]:
        """Return whether it fires after each of the last epochs of the present stay."""
        met = self._met_over(history, last + self.for_epochs - 1)
        ends = range(max(0, len(met) - last), len(met))
        return [
            end + 1 >= self.for_epochs and all(met[end + 1 - self.for_epochs : end + 1])
            for end in ends
        ]

    def _met_over(self, history: Sequence[Signals], last: int) -> list[bool]:
        answers = [member.fired_over(history, last) for member in self.members]
        return [self._met(row) for row in zip(*answers, strict=True)]

    def phrase(self) -> str:
        """Return the parts' phrases, joined."""
        text = self._join([member.phrase() for member in self.members])
        return text + (f" for {self.for_epochs} epochs" if self.for_epochs > 1 else "")

    def _join(self, texts: Sequence[str]) -> str:
        return texts[0] if len(texts) == 1 else "(" + f" {self.word} ".join(texts) + ")"

    def leaves(self) -> Iterator[Trigger]:
        """Yield the parts' leaves."""
        for member in self.members:
            yield from member.leaves()

    def roll_back_epochs(self) -> int:
        """Return the furthest of the parts."""
        return max(member.roll_back_epochs() for member in self.members)

    def earliest(self) -> int:
        """Return when the first part can fire, plus the patience."""
        return min(member.earliest() for member in self.members) + self.for_epochs - 1

    def eased(self, steps: int) -> Trigger:
        """Return a copy with every part eased."""
        return self._with(tuple(member.eased(steps) for member in self.members))

    def rescaled(self, factor: float) -> Trigger:
        """Return a copy with the parts and the patience rescaled."""
        return self._with(
            tuple(member.rescaled(factor) for member in self.members),
            for_epochs=max(1, round(self.for_epochs * factor)),
        )


class _Several(_Composite):
    parts: tuple[AnyTrigger, ...]

    @property
    def members(self) -> tuple[Trigger, ...]:
        return self.parts

    def _with(self, members: tuple[Trigger, ...], **settings: Any) -> Trigger:
        return self.model_copy(update={"parts": members, **settings})

    def to_data(self) -> dict[str, Any]:
        """Return it as a policy document holds it."""
        parts = [part.to_data() for part in self.parts]
        return {self.name: parts, "for_epochs": self.for_epochs}


class AllOf(_Several):
    """Every part holds: ``{ all = [...] }``."""

    name = "all"
    word = "and"
    parts: Annotated[tuple[AnyTrigger, ...], Field(validation_alias="all", min_length=1)]

    def _met(self, fired: Sequence[bool]) -> bool:
        return all(fired)

    def earliest(self) -> int:
        """Return when the last part can fire, plus the patience."""
        return max(member.earliest() for member in self.members) + self.for_epochs - 1


class AnyOf(_Several):
    """A part holds: ``{ any = [...] }``."""

    name = "any"
    word = "or"
    parts: Annotated[tuple[AnyTrigger, ...], Field(validation_alias="any", min_length=1)]

    def _met(self, fired: Sequence[bool]) -> bool:
        return any(fired)


class Not(_Composite):
    """The part does not hold: ``{ not = {...} }``; its actions are dropped."""

    name = "not"
    word = ""
    part: AnyTrigger = Field(validation_alias="not")

    @property
    def members(self) -> tuple[Trigger, ...]:
        """The part."""
        return (self.part,)

    def _with(self, members: tuple[Trigger, ...], **settings: Any) -> Trigger:
        return self.model_copy(update={"part": members[0], **settings})

    def _met(self, fired: Sequence[bool]) -> bool:
        return not fired[0]

    def _join(self, texts: Sequence[str]) -> str:
        return f"not ({texts[0]})"

    def roll_back_epochs(self) -> int:
        """Return 0: a part that does not fire rolls nothing back."""
        return 0

    def earliest(self) -> int:
        """Return the patience: a part may fail from the first epoch on."""
        return self.for_epochs

    def eased(self, steps: int) -> Trigger:
        """Return a copy whose part is harder to meet."""
        return self._with((self.part.eased(-steps),))

    def to_data(self) -> dict[str, Any]:
        """Return it as a policy document holds it."""
        return {self.name: self.part.to_data(), "for_epochs": self.for_epochs}


triggers = Registry[type[Trigger]]("trigger", holds=Trigger)
"""Every trigger by the name that a policy uses; entry-point group ``swarmnas.triggers``."""

for _class, _summary in (
    (Epochs, "So many epochs in the phase."),
    (Seconds, "So many seconds in the phase."),
    (Evaluations, "So many particles evaluated in the phase."),
    (Diversity, "The swarm's diversity, absolute, relative to its start, or its slope."),
    (Entropy, "How undecided the alphas are."),
    (NoGain, "The validation loss no longer falls."),
    (GenotypeStable, "The genotype no longer changes."),
    (RankingStable, "The ranking of operations no longer changes (DARTS+ criterion 2)."),
    (SkipCount, "Too many skip connections (DARTS+ criterion 1)."),
    (SkipShare, "Too large a share of skip connections."),
    (HessianEigenvalue, "The dominant eigenvalue grows (RobustDARTS, DARTS-ES)."),
    (GradientAgreement, "Training and validation gradients part (OLES)."),
    (AllOf, "Every part holds."),
    (AnyOf, "A part holds."),
    (Not, "The part does not hold."),
):
    triggers.add(_class.name, f"{__name__}:{_class.__name__}", summary=_summary)
