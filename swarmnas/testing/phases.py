"""The contract of policies, for authors of policies and for our own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from swarmnas.checks import explain
from swarmnas.errors import StateError
from swarmnas.phases import (
    Decision,
    Policy,
    PolicyEngine,
    Signals,
    describe,
    explain_switches,
    parse_policy,
    simulate,
)
from swarmnas.rng import generator

__all__ = ["PolicyContract", "draw_signals", "drive"]


def draw_signals(engine: PolicyEngine, rng: np.random.Generator) -> Signals:
    """Return made-up readings of the next epoch, of every signal that its phase can have."""
    phase, phase_epochs = engine.phase, engine.phase_epochs + 1
    last = engine.history[-1] if engine.history else None
    swarm = phase.driver(phase_epochs - 1) == "swarm"
    letters = [f"{letter}{rng.integers(3)}" for letter in "abc"]
    return Signals(
        phase=phase.name,
        phase_epochs=phase_epochs,
        epoch=(last.epoch if last else 0) + 1,
        step=(last.step if last else 0) + 7,
        evaluations=(last.evaluations if last else 0) + 24 * swarm,
        seconds=(last.seconds if last else 0.0) + rng.random(),
        train_loss=rng.random(),
        valid_loss=rng.random(),
        valid_accuracy=rng.random(),
        diversity=rng.random() * 0.2 if swarm else None,
        entropy=rng.random(),
        genotype="|".join(letters),
        operation_ranking=">".join(letters[:1]),
        skip_count={"normal": int(rng.integers(4)), "reduce": int(rng.integers(4))},
        skip_share=rng.random(),
        probes={
            "hessian-eigenvalue": 0.1 + rng.random(),
            "gradient-agreement": {"normal.0.conv": rng.random(), "normal.1.conv": rng.random()},
        },
    )


def drive(policy: Policy, *, seed: int) -> PolicyEngine:
    """Return the engine of a whole made-up search, from the first epoch to the stop."""
    engine, rng = PolicyEngine(policy), generator(seed)
    while not engine.decision.stop:
        if len(engine.history) >= policy.cap:
            raise StateError(
                explain("policy", f"a stop after {policy.cap} epochs", "none", "Mind the cap.")
            )
        engine.observe(draw_signals(engine, rng))
    return engine


class PolicyContract:
    """What every policy does. Subclass it and override the fixture ``policy``.

    Example:
        >>> class TestMine(PolicyContract):
        ...     @pytest.fixture
        ...     def policy(self):
        ...         return load_policy("mine.toml")
    """

    @pytest.fixture
    def policy(self) -> Policy:
        """Return the policy under test."""
        raise NotImplementedError("override the fixture `policy`")

    @pytest.fixture(params=[0, 1, 2])
    def engine(self, policy: Policy, request: pytest.FixtureRequest) -> PolicyEngine:
        """Return an engine that a made-up search has driven to its end."""
        return drive(policy, seed=request.param)

    def test_begins_in_its_first_phase(self, policy: Policy) -> None:
        """An empty history begins the search, and says so."""
        decision = policy.decide(())
        assert decision.phase == policy.phases[0].name
        assert not decision.stop
        assert decision.reason

    def test_stops_by_its_cap(self, policy: Policy, engine: PolicyEngine) -> None:
        """Every search ends, with a reason for every decision."""
        assert engine.decision.stop
        assert engine.history[-1].epoch <= policy.cap
        assert all(decision.reason for decision in engine.decisions)
        assert not any("\n" in decision.reason for decision in engine.decisions)

    def test_returns_no_more_often_than_it_may(self, policy: Policy, engine: PolicyEngine) -> None:
        """Ways back are bounded."""
        order = [phase.name for phase in policy.phases]
        path = [order.index(decision.phase) for decision in engine.decisions]
        assert sum(now < before for before, now in pairwise(path)) <= (policy.max_returns)

    def test_decides_on_the_history_alone(self, policy: Policy, engine: PolicyEngine) -> None:
        """The same history gives the same decision, in any order, and stays as it was."""
        history = list(engine.history)
        before = [signals.to_json() for signals in history]
        ends = range(len(history), 0, -1)
        assert [policy.decide(history[:end]) for end in ends] == list(engine.decisions)[::-1]
        assert [signals.to_json() for signals in history] == before

    def test_replays_its_own_decisions_from_records(
        self, policy: Policy, engine: PolicyEngine
    ) -> None:
        """Records hold all that a decision rests on."""
        records = [signals.to_json() for signals in engine.history]
        assert simulate(policy, map(Signals.from_json, records)) == list(engine.decisions)
        texts = [decision.to_json() for decision in engine.decisions]
        assert [Decision.from_json(text) for text in texts] == list(engine.decisions)

    def test_continues_from_its_state(self, policy: Policy, engine: PolicyEngine) -> None:
        """An engine that was restored half-way decides like one that never stopped."""
        half = len(engine.history) // 2
        first, second = PolicyEngine(policy), PolicyEngine(policy)
        for signals in engine.history[:half]:
            first.observe(signals)
        second.load_state_dict(first.state_dict())
        for signals in engine.history[half:]:
            second.observe(signals)
        assert second.decisions == engine.decisions
        assert second.history == engine.history

    def test_reads_back_what_it_writes(self, policy: Policy) -> None:
        """The document of a policy is the whole policy."""
        assert parse_policy(policy.to_toml(), source=policy.name) == policy

    @pytest.mark.parametrize("share", [0.2, 3.0])
    def test_keeps_its_phases_when_rescaled(self, policy: Policy, share: float) -> None:
        """A search of another length goes through the same phases and ends."""
        epochs = max(len(policy.phases), round(policy.epochs * share))
        other = policy.rescaled(epochs=epochs)
        assert [phase.name for phase in other.phases] == [phase.name for phase in policy.phases]
        assert other.epochs == epochs
        assert drive(other, seed=0).decision.stop

    def test_names_the_probes_it_reads(self, policy: Policy) -> None:
        """A probe is due in some epoch exactly where the policy needs it."""
        epochs = range(1, policy.cap + 1)
        due = {probe for p in policy.phases for e in epochs for probe in policy.due(p.name, e)}
        assert due == policy.needs

    def test_describes_itself(self, policy: Policy, engine: PolicyEngine) -> None:
        """A sentence a phase, and a text for every switch."""
        sentences = describe(policy)
        assert [p.name in s for p, s in zip(policy.phases, sentences, strict=True)] == [
            True for _ in policy.phases
        ]
        texts = [switch.to_text() for switch in explain_switches(policy, engine.history)]
        assert texts
        assert all(text.startswith("after epoch ") for text in texts)
