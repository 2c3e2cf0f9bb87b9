"""Phases and policies as validated data, and the decision they come to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainValidator, model_validator

from swarmnas.checks import as_float, as_int, explain, one_of, unknown_name
from swarmnas.errors import SettingError
from swarmnas.phases.decisions import (
    Action,
    Decision,
    HandOver,
    ReseedSwarm,
    Stop,
    Verdict,
)
from swarmnas.phases.models import Count, Model, Name, NonNegative, Number, refuse
from swarmnas.phases.signals import Signals
from swarmnas.phases.triggers import AnyTrigger, Epochs, GradientAgreement, Seconds, Trigger

__all__ = ["BackTo", "Driver", "Phase", "Policy"]

Driver = Literal["frozen", "gradient", "swarm"]
"""Who moves the alphas during one epoch."""


def _as_schedule(data: Any) -> float | tuple[float, float]:
    if isinstance(data, list | tuple) and len(data) == 2:
        return (as_float("first", data[0], low=0), as_float("last", data[1], low=0))
    return as_float("value", data, low=0)


Schedule = Annotated[float | tuple[float, float], PlainValidator(_as_schedule)]
"""A number, or the numbers at the first and the last epoch of the phase, linear in between."""

_SWARM = ("swarm", "alternate")
_GRADIENT = ("gradient", "alternate")


def _bare_freeze(data: Any) -> Any:
    """Accept the trigger's own table for the one trigger that may stand here."""
    if isinstance(data, Mapping) and "trigger" in data:
        if data["trigger"] != GradientAgreement.name:
            refuse(unknown_name("trigger", data["trigger"], [GradientAgreement.name]), "trigger")
        return {key: value for key, value in data.items() if key != "trigger"}
    return data


class BackTo(Model):
    """A way back: to an earlier ``phase`` ``when`` a trigger fires."""

    phase: str
    when: AnyTrigger


class Phase(Model):
    """A named stretch of a search that says who moves weights and alphas.

    Settings that a phase cannot use are refused rather than passed over: those of the swarm where
    no swarm moves the alphas, those of the gradient where no gradient does, and so on.
    ``docs/reference/policies.md`` has the table.

    Args:
        name: What decisions and records call it.
        until: The phase ends when any of these fires.
        back_to: Ways back to earlier phases, asked before ``until``.
        alphas: Who moves the alphas; "alternate" is swarm and gradient in turn.
        weights: Whether the gradient moves the weights.
        train_under: Mixing weights under which the weights are trained: the softmax of the
            supernet's "alphas"; rows drawn from a symmetric "dirichlet" for each batch; the softmax
            of a random one of the swarm's "particles" for each batch, of the swarm's "centre", of
            its "incumbent", the best so far, or of the alphas at the swarm's "origin", which it
            leaves as they are.
        draw_around: How each batch's mixing weights are drawn around those: not at all ("none"),
            with "normal" noise on the logits, or from a "dirichlet" distribution of that mean.
        noise: Standard deviation of the normal noise, in logits, >= 0.
        concentration: Parameter of the Dirichlet distribution, > 0; where the mean is uniform, 1 is
            uniform on the simplex.
        weights_decay_factor: Multiplies the search's weight decay of the weights, >= 0.
        temperature: Divides the alphas before every softmax, > 0.
        freeze: Freezes the weights of operations while the phase goes on (OLES).
        start_from: Out of a swarm, the alphas that the next driver starts from.
        optimizer: Registered name of the ask/tell optimizer.
        optimizer_settings: Keyword settings of that optimizer, by name.
        population_size: Particles; the optimizer's own default where not given.
        every: Weight steps between two generations, or "epoch": one generation an epoch.
        images: Validation images an evaluation.
        evaluate: Whether a particle is judged by its "mixed" softmax, by its "discrete" genotype,
            or "ablated": by how much the mixture at the swarm's origin loses without its genotype.
        spread: Standard deviation, in logits, of a swarm around the alphas that it meets. Where not
            given, it is 1 around alphas that have moved before, and over the whole box otherwise.
        order: Order of the gradient on the alphas, 1 or 2 (DARTS).
        learning_rate: Of the alphas' optimiser.
        weight_decay: Of the alphas' optimiser.
        gradient_at: Where that gradient is taken: at the supernet's "alphas", at a random one of
            the swarm's "particles" for each batch, at its "centre", or at the "sample" that the
            weights are trained under with the same batch.
        gradient_every: Weight steps between two of its steps.
        beta_decay: Factor of the mean log-sum-exp of the alphas in the loss (beta-DARTS).
        entropy_penalty: Factor of the mean entropy of the edges' softmax in the loss.
        swarm_every: In an "alternate" phase, every so-manieth epoch is the swarm's.
        read_out: How a genotype is read from the alphas: "argmax", or by "perturbation" (DARTS-PT).

    Raises:
        SettingError: A value is out of range, or the setting does not apply to the phase.

    Example:
        >>> Phase(name="warm-up", alphas="frozen", until=[Epochs(at_least=15)]).planned_epochs
        15
    """

    name: Name
    alphas: Literal["frozen", "gradient", "swarm", "alternate"]
    weights: Literal["gradient", "frozen"] = "gradient"
    train_under: Literal["alphas", "dirichlet", "particles", "centre", "incumbent", "origin"] = (
        "alphas"
    )
    draw_around: Literal["none", "normal", "dirichlet"] = "none"
    noise: Schedule = 0.5
    concentration: Schedule = 1.0
    weights_decay_factor: Schedule = 1.0
    temperature: Schedule = 1.0
    start_from: Literal["recommend", "best", "centre"] = "recommend"
    optimizer: str = "icso"
    optimizer_settings: dict[str, Any] = Field(default_factory=dict)
    population_size: Annotated[int, Field(strict=True, ge=2)] | None = None
    every: Count | Literal["epoch"] = "epoch"
    images: Count = 128
    evaluate: Literal["mixed", "discrete", "ablated"] = "mixed"
    spread: Annotated[Number, Field(gt=0)] | None = None
    order: Literal[1, 2] = 1
    learning_rate: Schedule = 3e-4
    weight_decay: NonNegative = 1e-3
    gradient_at: Literal["alphas", "particles", "centre", "sample"] = "alphas"
    gradient_every: Count = 1
    beta_decay: Schedule = 0.0
    entropy_penalty: Schedule = 0.0
    swarm_every: Annotated[int, Field(strict=True, ge=2)] = 2
    read_out: Literal["argmax", "perturbation"] = "argmax"
    freeze: Annotated[GradientAgreement, BeforeValidator(_bare_freeze)] | None = None
    until: tuple[AnyTrigger, ...] = ()
    back_to: tuple[BackTo, ...] = ()

    @model_validator(mode="after")
    def _fits_itself(self) -> Self:
        for setting in self.model_fields_set:
            if getattr(self, setting) is not None and (lack := self._lacks(setting)):
                refuse(f"{setting}: applies only where {lack}. Remove it.", setting)
        for setting, others in (
            ("train_under", "'alphas' or 'dirichlet'"),
            ("gradient_at", "'alphas' or 'sample'"),
        ):
            value = getattr(self, setting)
            if value not in ("alphas", "dirichlet", "sample") and self.alphas not in _SWARM:
                refuse(
                    explain(
                        setting,
                        f"{others} where no swarm moves the alphas",
                        repr(value),
                        "Change one of the two.",
                    ),
                    setting,
                )
        if self.gradient_at == "sample" and "dirichlet" in (self.train_under, self.draw_around):
            refuse(
                explain(
                    "gradient_at",
                    "'alphas' where mixing weights come from a Dirichlet distribution, not alphas",
                    "'sample'",
                    "Change one of the two.",
                ),
                "gradient_at",
            )
        for setting in ("concentration", "temperature"):
            if not all(end > 0 for end in _ends(getattr(self, setting))):
                refuse(
                    explain(setting, "> 0", getattr(self, setting), f"Change {setting}."), setting
                )
        for setting in self.settings():
            if isinstance(getattr(self, setting), tuple) and setting not in ("until", "back_to"):
                self._refuse_endless_ramp(setting)
        for at, trigger in enumerate(self.until):
            self._refuse_blind(trigger, "until", at)
        for at, back in enumerate(self.back_to):
            self._refuse_blind(back.when, "back_to", at, "when")
        return self

    def _lacks(self, setting: str) -> str | None:
        """Return what the phase would need for a setting to mean something."""
        for condition, lack, settings in (
            (self.alphas in _SWARM, "a swarm moves the alphas", _SWARM_SETTINGS),
            (self.alphas in _GRADIENT, "a gradient moves the alphas", _GRADIENT_SETTINGS),
            (self.alphas == "alternate", "alphas = 'alternate'", _ALTERNATE_SETTINGS),
            (self.weights == "gradient", "weights = 'gradient'", _WEIGHT_SETTINGS),
            (self.train_under != "dirichlet", "train_under is not 'dirichlet'", ("draw_around",)),
            (self.draw_around == "normal", "draw_around = 'normal'", ("noise",)),
            (
                "dirichlet" in (self.train_under, self.draw_around),
                "train_under = 'dirichlet' or draw_around = 'dirichlet'",
                ("concentration",),
            ),
        ):
            if setting in settings and not condition:
                return lack
        return None

    def _refuse_endless_ramp(self, setting: str) -> None:
        if self.planned_epochs is None:
            refuse(
                f"{setting}: expected a trigger 'epochs' in until, which says how long the change "
                "from the first value to the second takes; got none. Add one, or give one value.",
                setting,
            )

    def _refuse_blind(self, trigger: Trigger, *path: str | int) -> None:
        for leaf in trigger.leaves():
            if leaf.needs_swarm and self.alphas not in _SWARM:
                refuse(
                    f"trigger {leaf.name!r}: expected a swarm in phase {self.name!r}, which it "
                    f"reads; got alphas = {self.alphas!r}. Use another trigger.",
                    *path,
                )

    @property
    def planned_epochs(self) -> int | None:
        """The epochs after which the phase ends at the latest; None where ``until`` sets none."""
        limits = [trigger.at_least for trigger in self.until if isinstance(trigger, Epochs)]
        return min(limits, default=None)

    @property
    def earliest_end(self) -> int:
        """The epochs that the phase takes at least, from what ``until`` needs to fire."""
        return min((trigger.earliest() for trigger in self.until), default=1)

    def settings(self) -> dict[str, Any]:
        """Return the settings that apply to the phase, as Python holds them."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in found.items() if not self._lacks(name)}

    def value(self, setting: str, phase_epochs: int) -> float:
        """Return what a number, or a change from one to another, comes to.

        Args:
            setting: Name of the setting, for example "temperature".
            phase_epochs: Epochs completed in the phase, >= 0; the value is for the next one.

        Example:
            >>> phase = Phase(name="a", alphas="frozen", temperature=(10, 1),
            ...     until=[Epochs(at_least=10)])
            >>> phase.value("temperature", 0), phase.value("temperature", 9)
            (10.0, 1.0)
        """
        first, last = _ends(getattr(self, setting))
        steps = max(1, (self.planned_epochs or 1) - 1)
        return first + (last - first) * min(phase_epochs / steps, 1.0)

    def driver(self, phase_epochs: int) -> Driver:
        """Return who moves the alphas in the epoch after ``phase_epochs`` epochs of the phase."""
        if self.alphas != "alternate":
            return self.alphas
        return "swarm" if (phase_epochs + 1) % self.swarm_every == 0 else "gradient"

    def seeding(self, *, moved: bool) -> ReseedSwarm:
        """Return how a swarm begins: over the whole box, or around the alphas.

        Args:
            moved: Whether anything has moved the alphas before.
        """
        return ReseedSwarm(spread=1.0 if self.spread is None and moved else self.spread)

    def all_triggers(self) -> Iterator[Trigger]:
        """Yield every simple trigger of the phase."""
        for trigger in (*self.until, *(back.when for back in self.back_to)):
            yield from trigger.leaves()
        if self.freeze is not None:
            yield self.freeze

    def rescaled(self, factor: float, planned_epochs: int | None = None) -> Phase:
        """Return a copy whose triggers count epochs by another measure.

        Args:
            factor: What epochs are multiplied by.
            planned_epochs: The new `planned_epochs`, where the phase has them.
        """
        until = tuple(
            trigger.model_copy(update={"at_least": planned_epochs})
            if isinstance(trigger, Epochs) and trigger.at_least == self.planned_epochs
            else trigger.rescaled(factor)
            for trigger in self.until
        )
        back_to = tuple(
            back.model_copy(update={"when": back.when.rescaled(factor)}) for back in self.back_to
        )
        return self.model_copy(update={"until": until, "back_to": back_to})

    def to_data(self) -> dict[str, Any]:
        """Return it as a policy document holds it."""
        data = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self.settings().items()
            if value is not None
        }
        data["until"] = [trigger.to_data() for trigger in self.until]
        data["back_to"] = [
            {"phase": back.phase, "when": back.when.to_data()} for back in self.back_to
        ]
        if self.freeze is not None:
            data["freeze"] = self.freeze.to_data()
        return {name: value for name, value in data.items() if value != []}


_SWARM_SETTINGS = (
    "optimizer",
    "optimizer_settings",
    "population_size",
    "every",
    "images",
    "evaluate",
    "spread",
)
_GRADIENT_SETTINGS = (
    "order",
    "learning_rate",
    "weight_decay",
    "gradient_at",
    "gradient_every",
    "beta_decay",
    "entropy_penalty",
)
_ALTERNATE_SETTINGS = ("swarm_every",)
_WEIGHT_SETTINGS = (
    "train_under",
    "draw_around",
    "noise",
    "concentration",
    "weights_decay_factor",
    "freeze",
)


def _ends(schedule: float | tuple[float, float]) -> tuple[float, float]:
    return schedule if isinstance(schedule, tuple) else (schedule, schedule)


class Policy(Model):
    """Phases in order, and what bounds them: data that comes to a decision.

    Args:
        name: What lists and records call it.
        epochs: Epochs that a search is planned to take; what `rescaled` scales from.
        max_epochs: The hard cap: no search goes on after so many epochs; twice ``epochs`` where
            not given.
        max_returns: How many times a search may go back to an earlier phase.
        keep_epochs: How many epochs back a roll-back finds a checkpoint; as many as the triggers
            need where not given.
        phases: At least one; ``phase`` in a document.

    Raises:
        SettingError: A value is out of range, a phase can never be reached, a way back leads
            nowhere earlier, or a roll-back further than what is kept.

    Example:
        >>> policy = Policy(
        ...     name="two",
        ...     epochs=4,
        ...     phases=[
        ...         Phase(name="warm-up", alphas="frozen", until=[Epochs(at_least=2)]),
        ...         Phase(name="search", alphas="gradient", until=[Epochs(at_least=2)]),
        ...     ],
        ... )
        >>> history = [Signals(phase="warm-up", phase_epochs=e, epoch=e) for e in (1, 2)]
        >>> policy.decide(history).reason
        "'warm-up' ends, 'search' begins: epochs in the phase 2 >= 2"
    """

    name: Name
    epochs: Count
    max_epochs: Count | None = None
    max_returns: Annotated[int, Field(strict=True, ge=0)] = 1
    keep_epochs: Annotated[int, Field(strict=True, ge=0)] | None = None
    phases: Annotated[tuple[Phase, ...], Field(validation_alias="phase", min_length=1)]

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        names = [phase.name for phase in self.phases]
        entered, reached = 0, True
        for at, phase in enumerate(self.phases):
            if names.index(phase.name) != at:
                refuse(
                    explain("name", "a phase name of its own", repr(phase.name), "Rename one."),
                    *("phase", at, "name"),
                )
            if not reached or entered >= self.cap:
                why = (
                    f"the cap of {self.cap} epochs comes first"
                    if reached
                    else f"{names[at - 1]!r} never ends"
                )
                refuse(
                    f"phase {phase.name!r} can never be reached: {why}. Mend 'until' or remove it.",
                    *("phase", at, "name"),
                )
            for way, back in enumerate(phase.back_to):
                if back.phase not in names[:at]:
                    known = unknown_name("an earlier phase", back.phase, names[:at])
                    refuse(known, "phase", at, "back_to", way)
            for trigger in phase.all_triggers():
                if self.keep_epochs is not None and trigger.roll_back_epochs() > self.keep_epochs:
                    refuse(
                        explain(
                            "keep_epochs",
                            f"at least {trigger.roll_back_epochs()}, which is how far "
                            f"{trigger.name!r} of phase {phase.name!r} rolls back",
                            self.keep_epochs,
                            "Keep more, or remove keep_epochs.",
                        ),
                        "keep_epochs",
                    )
            reached = bool(phase.until)
            entered += phase.earliest_end
        return self

    def __getitem__(self, name: str) -> Phase:
        """Return a phase by its name."""
        names = [phase.name for phase in self.phases]
        return self.phases[names.index(one_of("phase", name, names))]

    @property
    def cap(self) -> int:
        """The epochs after which every search stops."""
        return 2 * self.epochs if self.max_epochs is None else self.max_epochs

    @property
    def needs(self) -> frozenset[str]:
        """The costly probes that some trigger reads."""
        probes = {trigger.probe for phase in self.phases for trigger in phase.all_triggers()}
        return frozenset(probe for probe in probes if probe is not None)

    def due(self, phase: str, phase_epochs: int) -> frozenset[str]:
        """Return the costly probes wanted at the end of an epoch of a phase.

        Args:
            phase: Its name.
            phase_epochs: Epochs completed in it, that one included.
        """
        found = {t.probe for t in self[phase].all_triggers() if t.due(phase_epochs)}
        return frozenset(probe for probe in found if probe is not None)

    @property
    def roll_back_epochs(self) -> int:
        """How many epochs of checkpoints a search keeps: as far as a roll-back may reach."""
        reach = [t.roll_back_epochs() for phase in self.phases for t in phase.all_triggers()]
        return max(reach, default=0) if self.keep_epochs is None else self.keep_epochs

    @property
    def reproducible(self) -> bool:
        """Whether the same run decides the same twice: no trigger reads a clock."""
        return not any(isinstance(t, Seconds) for p in self.phases for t in p.all_triggers())

    def decide(self, history: Sequence[Signals]) -> Decision:
        """Return what follows from a history: a pure function of it.

        Ways back are asked first, in order, while the search may still return; then ``until``, in
        order; then the cap. Where nothing fires, the phase goes on.

        Args:
            history: One record an epoch, oldest first; empty before the first epoch.

        Raises:
            UnknownNameError: The last record names no phase of the policy.
        """
        if not history:
            first = self.phases[0]
            seeds = (first.seeding(moved=False),) if first.driver(0) == "swarm" else ()
            return Decision(first.name, seeds, f"{first.name!r} begins the search")
        phase = self[history[-1].phase]
        verdicts: list[Verdict] = []
        decision = (
            self._back(phase, history, verdicts)
            or self._onward(phase, history, verdicts)
            or self._stay(phase, history, verdicts)
        )
        if not decision.stop and history[-1].epoch >= self.cap:
            reason = f"{phase.name!r} ends, the search stops: the cap of {self.cap} epochs"
            decision = Decision(phase.name, (Stop(),), reason, True, tuple(verdicts))
        return decision

    def _back(
        self, phase: Phase, history: Sequence[Signals], verdicts: list[Verdict]
    ) -> Decision | None:
        order = [phase.name for phase in self.phases]
        path = [order.index(signals.phase) for signals in history if signals.phase in order]
        returns = sum(now < before for before, now in pairwise(path))
        for back in phase.back_to:
            verdict = back.when.check(history)
            verdicts.append(verdict)
            if verdict.fired and returns < self.max_returns:
                return self._enter(
                    self[back.phase], phase, history, f"back to {back.phase!r}", verdicts
                )
        return None

    def _onward(
        self, phase: Phase, history: Sequence[Signals], verdicts: list[Verdict]
    ) -> Decision | None:
        for trigger in phase.until:
            verdict = trigger.check(history)
            verdicts.append(verdict)
            if not verdict.fired:
                continue
            at = self.phases.index(phase) + 1
            if at == len(self.phases):
                reason = f"{phase.name!r} ends, the search stops: {verdict.reason}"
                actions = (*verdict.actions, Stop())
                return Decision(phase.name, actions, reason, True, tuple(verdicts))
            target = self.phases[at]
            return self._enter(target, phase, history, f"{target.name!r} begins", verdicts)
        return None

    def _stay(self, phase: Phase, history: Sequence[Signals], verdicts: list[Verdict]) -> Decision:
        actions: list[Action] = []
        reasons = [verdict.reason for verdict in verdicts if not verdict.fired]
        reasons += [
            f"{verdict.reason}, but the search may return no more"
            for verdict in verdicts
            if verdict.fired
        ]
        if phase.freeze is not None:
            verdict = phase.freeze.check(history)
            verdicts.append(verdict)
            actions += verdict.actions
            reasons += [f"operations freeze: {verdict.reason}"] if actions else []
        done = history[-1].phase_epochs
        if phase.driver(done) != phase.driver(done - 1):
            actions += self._hand_over(phase, phase, phase.driver(done - 1), done, history)
            reasons.append(f"the {phase.driver(done)}'s turn")
        text = f"{phase.name!r} goes on" + (": " + "; ".join(reasons) if reasons else "")
        return Decision(phase.name, tuple(actions), text, False, tuple(verdicts))

    def _enter(
        self,
        target: Phase,
        source: Phase,
        history: Sequence[Signals],
        text: str,
        verdicts: list[Verdict],
    ) -> Decision:
        verdict = verdicts[-1]
        driver = source.driver(history[-1].phase_epochs - 1)
        actions = (*verdict.actions, *self._hand_over(source, target, driver, 0, history))
        reason = f"{source.name!r} ends, {text}: {verdict.reason}"
        return Decision(target.name, actions, reason, False, tuple(verdicts))

    def _hand_over(
        self, source: Phase, target: Phase, driver: Driver, done: int, history: Sequence[Signals]
    ) -> list[Action]:
        """Return how the alphas pass from ``driver`` to who moves them in ``target``."""
        rule = target.start_from if driver == "swarm" else "alphas"
        actions: list[Action] = [HandOver(source.name, target.name, rule)]
        if target.driver(done) == "swarm":
            frozen = {phase.name for phase in self.phases if phase.alphas == "frozen"}
            moved = any(signals.phase not in frozen for signals in history)
            actions.append(target.seeding(moved=moved))
        return actions

    def rescaled(self, *, epochs: int) -> Policy:
        """Return the policy for a search of another length; every threshold in epochs follows.

        Planned phase lengths are rounded so that their sum follows too; none falls below 1.

        Args:
            epochs: The new plan, >= 1.

        Example:
            >>> from swarmnas.phases import load_policy
            >>> short = load_policy("g-icso-nas").rescaled(epochs=10)
            >>> [phase.planned_epochs for phase in short.phases]
            [2, 6, 2]
        """
        factor = as_int("epochs", epochs, low=1) / self.epochs
        planned = _shares([p.planned_epochs for p in self.phases if p.planned_epochs], factor)
        phases = [
            phase.rescaled(factor, planned.pop(0) if phase.planned_epochs else None)
            for phase in self.phases
        ]
        least = sum(phase.planned_epochs or phase.earliest_end for phase in phases)
        data: dict[str, Any] = {
            "name": self.name,
            "epochs": epochs,
            "max_epochs": max(least, round(self.cap * factor)),
            "max_returns": self.max_returns,
            "phases": phases,
        }
        short = Policy(**data)
        if self.keep_epochs is None:
            return short
        kept = max(math.ceil(self.keep_epochs * factor), short.roll_back_epochs)
        return short.model_copy(update={"keep_epochs": kept})

    def with_settings(self, **settings: Any) -> Policy:
        """Return the policy with settings changed in every phase that they apply to.

        Another ``optimizer`` starts from its own defaults: the ``optimizer_settings`` of the one
        before go with it, unless they are given too.

        Raises:
            SettingError: A value is out of range, or no phase has that setting.

        Example:
            >>> from swarmnas.phases import load_policy
            >>> load_policy("g-icso-nas").with_settings(optimizer="cso")["exploration"].optimizer
            'cso'
        """
        usable = [set(phase.settings()) - {"name", "until", "back_to"} for phase in self.phases]
        for setting in settings:
            if not any(setting in names for names in usable):
                raise SettingError(
                    unknown_name(f"policy {self.name!r}", setting, set().union(*usable))
                )
        phases = []
        for phase, names in zip(self.phases, usable, strict=True):
            data = phase.to_data()
            if settings.get("optimizer", phase.optimizer) != phase.optimizer:
                data.pop("optimizer_settings", None)
            phases.append(Phase(**data | {k: v for k, v in settings.items() if k in names}))
        return Policy(**{**self._head(), "phases": phases})

    def _head(self) -> dict[str, Any]:
        return self.model_dump(exclude={"phases"}, exclude_none=True)

    def to_toml(self) -> str:
        """Return a document that `load_policy` reads back as an equal policy."""
        import tomli_w

        return tomli_w.dumps({**self._head(), "phase": [phase.to_data() for phase in self.phases]})


def _shares(lengths: Sequence[int], factor: float) -> list[int]:
    """Return lengths times ``factor``, whole, from 1, with the sum that fits best."""
    total = max(len(lengths), round(sum(lengths) * factor))
    found, begin = [], 0
    for at, exact in enumerate(accumulate(lengths), start=1):
        end = min(max(round(exact * factor), begin + 1), total - (len(lengths) - at))
        found.append(end - begin)
        begin = end
    return found
