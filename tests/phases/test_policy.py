import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmnas.errors import DocumentError, SettingError, StateError, UnknownNameError
from swarmnas.phases import (
    BackTo,
    Diversity,
    Epochs,
    FreezeOperations,
    HandOver,
    Phase,
    Policy,
    PolicyEngine,
    ReseedSwarm,
    RollBack,
    Signals,
    SkipShare,
    Stop,
    available,
    describe,
    explain_switches,
    load_policy,
    parse_policy,
    simulate,
)
from swarmnas.testing.phases import drive

THREE = parse_policy(
    """
    name = "three"
    epochs = 10
    max_epochs = 15
    max_returns = 1

    [[phase]]
    name = "warm-up"
    alphas = "frozen"
    until = [{ trigger = "epochs", at_least = 3 }]

    [[phase]]
    name = "exploration"
    alphas = "swarm"
    optimizer_settings = { phi = 0.3 }
    train_under = "particles"
    until = [{ trigger = "diversity", below = 0.05 }, { trigger = "epochs", at_least = 4 }]

    [[phase]]
    name = "stability"
    alphas = "gradient"
    until = [{ trigger = "genotype-stable", for_epochs = 1 }, { trigger = "epochs", at_least = 3 }]
    back_to = [{ phase = "exploration", when = { trigger = "skip-share", above = 0.5 } }]
    """,
    source="three.toml",
)


def records(engine, count, **readings):
    for _ in range(count):
        epoch = len(engine.history) + 1
        signals = Signals(
            phase=engine.phase.name,
            phase_epochs=engine.phase_epochs + 1,
            epoch=epoch,
            **readings,
        )
        decision = engine.observe(signals)
    return decision


def test_three_phases_hand_over_and_stop():
    engine = PolicyEngine(THREE)
    assert engine.decision.actions == ()
    decision = records(engine, 3, genotype="a")
    assert decision.phase == "exploration"
    assert decision.actions == (
        HandOver("warm-up", "exploration", "alphas"),
        ReseedSwarm(spread=None),
    )
    assert decision.reason == "'warm-up' ends, 'exploration' begins: epochs in the phase 3 >= 3"
    decision = records(engine, 1, diversity=0.01)
    assert decision.phase == "stability"
    assert decision.actions == (HandOver("exploration", "stability", "recommend"),)
    assert "swarm diversity 0.01 < 0.05" in decision.reason
    decision = records(engine, 1, genotype="a", skip_share=0.0)
    assert decision.phase == "stability"
    assert "goes on" in decision.reason
    decision = records(engine, 1, genotype="a", skip_share=0.0)
    assert decision.stop
    assert decision.actions == (Stop(),)


def test_the_way_back_is_asked_first_and_only_so_often():
    engine = PolicyEngine(THREE)
    records(engine, 3)
    records(engine, 1, diversity=0.01)
    records(engine, 1, genotype="a", skip_share=0.0)
    decision = records(engine, 1, genotype="a", skip_share=0.75)
    assert decision.phase == "exploration"
    assert decision.actions == (
        HandOver("stability", "exploration", "alphas"),
        ReseedSwarm(spread=1.0),
    )
    assert "back to 'exploration': share of skip connections 0.75 > 0.5" in decision.reason
    records(engine, 1, diversity=0.01)
    decision = records(engine, 1, genotype="a", skip_share=0.75)
    assert decision.phase == "stability"
    assert "0.75 > 0.5, but the search may return no more" in decision.reason


def test_the_cap_stops_a_phase_without_an_end():
    policy = Policy(name="endless", epochs=2, phases=(Phase(name="a", alphas="frozen"),))
    engine = PolicyEngine(policy)
    decision = records(engine, 4)
    assert decision.stop
    assert decision.reason == "'a' ends, the search stops: the cap of 4 epochs"


def test_turns_hand_over_within_a_phase():
    policy = load_policy("alternate").rescaled(epochs=10)
    engine = PolicyEngine(policy)
    records(engine, 3)
    turns = [(engine.phase.driver(engine.phase_epochs), records(engine, 1)) for _ in range(4)]
    assert [driver for driver, _ in turns] == ["gradient", "swarm", "gradient", "swarm"]
    assert turns[0][1].actions == (HandOver("turns", "turns", "alphas"), ReseedSwarm(spread=0.5))
    assert turns[1][1].actions == (HandOver("turns", "turns", "recommend"),)
    assert "the swarm's turn" in turns[0][1].reason


def test_early_stopping_rolls_back():
    engine = PolicyEngine(load_policy("darts-es"))
    records(engine, 22, probes={"hessian-eigenvalue": 1.0})
    decision = records(engine, 1, probes={"hessian-eigenvalue": 9.0})
    assert decision.actions == (RollBack(epoch=11), Stop())
    assert decision.stop
    assert engine.policy.needs == {"hessian-eigenvalue"}
    assert engine.policy.due("search", 2) == frozenset()
    assert engine.policy.due("search", 3) == {"hessian-eigenvalue"}


def test_operations_freeze_while_a_phase_goes_on():
    phase = Phase(name="a", alphas="gradient", freeze={"below": 0.4}, until=(Epochs(at_least=5),))
    engine = PolicyEngine(Policy(name="oles", epochs=5, phases=(phase,)))
    found = {"gradient-agreement": {"x": 0.1, "y": 0.8}}
    decision = records(engine, 1, probes=found)
    assert decision.actions == (FreezeOperations(("x",)),)
    assert "operations freeze: lowest gradient agreement of an operation 0.1" in decision.reason
    assert records(engine, 1, probes=found).actions == ()


def test_a_swarm_from_the_first_epoch_is_seeded():
    policy = Policy(name="swarm", epochs=5, phases=(Phase(name="a", alphas="swarm"),))
    assert policy.decide(()).actions == (ReseedSwarm(spread=None),)


def test_the_engine_refuses_what_does_not_follow_and_stays_as_it_was():
    engine = PolicyEngine(THREE)
    records(engine, 1)
    before = engine.state_dict()
    for signals in (
        Signals(phase="exploration", phase_epochs=1, epoch=2),
        Signals(phase="warm-up", phase_epochs=1, epoch=1),
    ):
        with pytest.raises(StateError, match="expected an epoch after 1 of phase 'warm-up'"):
            engine.observe(signals)
    assert engine.state_dict() == before
    other = PolicyEngine(load_policy("darts"))
    with pytest.raises(StateError, match="expected the state of policy 'darts'"):
        other.load_state_dict(before)
    ended = drive(THREE, seed=0)
    with pytest.raises(StateError, match="one that has stopped"):
        ended.observe(ended.history[-1])


def test_a_history_of_another_policy_is_refused():
    with pytest.raises(UnknownNameError, match=r"phase: unknown name 'warmup'\. Did you mean"):
        THREE.decide([Signals(phase="warmup", phase_epochs=1, epoch=1)])


def test_another_policy_replays_the_same_readings():
    history = drive(THREE, seed=1).history
    decisions = simulate(load_policy("warm-darts").rescaled(epochs=4), history)
    assert [decision.phase for decision in decisions] == ["search"] * 4
    assert decisions[0].reason == "'warm-up' ends, 'search' begins: epochs in the phase 1 >= 1"
    assert decisions[-1].stop


def test_explaining_tells_a_threshold_either_way():
    policy = Policy(
        name="two",
        epochs=20,
        phases=(
            Phase(name="a", alphas="swarm", until=(Diversity(below=0.5),)),
            Phase(name="b", alphas="gradient", until=(Epochs(at_least=2),)),
        ),
    )
    engine = PolicyEngine(policy)
    for diversity in (0.9, 0.54, 0.49):
        records(engine, 1, diversity=diversity)
    records(engine, 2)
    first, last = explain_switches(policy, engine.history)
    assert (first.epoch, first.source, first.target) == (3, "a", "b")
    assert first.readings == {"swarm diversity": (0.9, 0.54, 0.49)}
    assert (first.easier.epoch, first.harder.epoch) == (2, None)
    assert (last.epoch, last.target, last.easier.epoch, last.harder.epoch) == (5, None, 4, None)
    assert first.to_text() == (
        "after epoch 3: 'a' ends, 'b' begins: swarm diversity 0.49 < 0.5\n"
        "  swarm diversity: 0.9, 0.54, 0.49\n"
        "  swarm diversity < 0.55: would have fired after epoch 2\n"
        "  swarm diversity < 0.45: would not have fired by then\n"
        "  alphas pass on: the swarm's recommendation"
    )
    assert first.to_json()["easier"] == {"condition": "swarm diversity < 0.55", "epoch": 2}


def test_a_policy_describes_itself_in_a_sentence_a_phase():
    sentences = describe(THREE)
    assert sentences[1] == (
        "In exploration a swarm moves the alphas (icso) and the gradient moves the weights under "
        "sampled particles, until swarm diversity < 0.05 or epochs in the phase >= 4; then "
        "stability begins."
    )
    assert sentences[2].endswith(
        "then the search stops; back to exploration when share of skip connections > 0.5."
    )


def test_values_change_in_line_over_the_phase():
    phase = Phase(name="a", alphas="gradient", beta_decay=(0, 24.5), until=[Epochs(at_least=50)])
    assert [phase.value("beta_decay", e) for e in (0, 10, 49, 60)] == [0.0, 5.0, 24.5, 24.5]
    assert phase.value("learning_rate", 10) == 3e-4


def test_settings_reach_the_phases_that_have_them():
    policy = THREE.with_settings(optimizer="cso", population_size=8, temperature=0.5)
    assert policy["exploration"].optimizer == "cso"
    assert policy["exploration"].optimizer_settings == {}  # those of another optimizer
    assert THREE.with_settings(optimizer="icso") == THREE
    assert policy["exploration"].until == THREE["exploration"].until
    assert [phase.temperature for phase in policy.phases] == [0.5] * 3
    assert "optimizer" not in policy["stability"].settings()
    with pytest.raises(SettingError, match="Did you mean 'optimizer'"):
        THREE.with_settings(optimiser="cso")
    with pytest.raises(SettingError, match="swarm_every"):
        THREE.with_settings(swarm_every=2)
    with pytest.raises(SettingError, match="population_size"):
        THREE.with_settings(population_size=1)


@pytest.mark.parametrize("name", list(available()))
@pytest.mark.parametrize("epochs", [3, 5, 7, 10, 50, 200])
def test_presets_rescale_to_the_epochs_asked_for(name, epochs):
    policy = load_policy(name).rescaled(epochs=epochs)
    assert sum(phase.planned_epochs for phase in policy.phases) == epochs
    assert policy.cap >= epochs


def test_only_a_clock_makes_a_policy_irreproducible():
    assert THREE.reproducible
    text = 'epochs=2\n[[phase]]\nname="a"\nalphas="frozen"\nuntil=[{trigger="seconds",at_least=9}]'
    assert not parse_policy(text, source="clock.toml").reproducible


HEAD = 'epochs = 50\n[[phase]]\nname = "a"\nalphas = "gradient"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = ", "p.toml: expected TOML; got a syntax error"),
        ("epochs = 3", "p.toml: phase: Field required"),
        ("epochs = true\nphase = []", "p.toml, line 1: epochs: "),
        (
            "epoch = 3\nphase = []",
            "line 1: epoch: key: unknown name 'epoch'. Did you mean 'epochs'",
        ),
        (
            HEAD + "alpha = 3",
            "line 5: phase.0.alpha: key: unknown name 'alpha'. Did you mean 'alph",
        ),
        (HEAD.replace("gradient", "grad"), "line 4: phase.0.alphas: .*'gradient'"),
        (HEAD + 'until = [{ trigger = "epoch", at_least = 3 }]', "line 5.* Did you mean 'epochs'"),
        (HEAD + "until = [{ trigger = [1], at_least = 3 }]", r"line 5.* unknown name \[1\]"),
        (HEAD + "until = [{ at_least = 3 }]", "line 5.* expected the key 'trigger', 'all', 'any'"),
        (HEAD + "until = [3]", "line 5: phase.0.until.0: "),
        (HEAD + 'until = [{ trigger = "epochs", at_lest = 3 }]', "line 5.*Did you mean 'at_least'"),
        (
            HEAD + 'until = [{ trigger = "epochs", at_least = "3" }]',
            "line 5: .*at_least: .*got '3'",
        ),
        (HEAD + 'until = [{ not = { trigger = "entopy" } }]', "line 5.*not: .*mean 'entropy'"),
        (
            HEAD + 'until = [{ trigger = "diversity", below = 0.1 }]',
            "line 5: phase.0.until.0: trigger 'diversity': expected a swarm in phase 'a'",
        ),
        (
            HEAD + 'back_to = [{ phase = "b", when = { trigger = "epochs", at_least = 1 } }]',
            "line 5: phase.0.back_to.0: an earlier phase: unknown name 'b'",
        ),
        (
            HEAD + '[[phase]]\nname = "b"\nalphas = "frozen"',
            "line 6: .*'b' can never be reached: 'a'",
        ),
        (
            HEAD + 'until = [{ trigger = "epochs", at_least = 100 }]\n'
            '[[phase]]\nname = "b"\nalphas = "frozen"',
            "line 7: .*'b' can never be reached: the cap of 100 epochs comes first",
        ),
        (
            HEAD + 'until = [{ trigger = "epochs", at_least = 1 }]\n' + HEAD[12:],
            "a phase name of its",
        ),
        (HEAD + 'optimizer = "cso"', "line 5: .*applies only where a swarm moves the alphas"),
        (HEAD + "swarm_every = 3", "line 5: .*applies only where alphas = 'alternate'"),
        (HEAD + "concentration = 1", "line 5: .*applies only where train_under = 'dirichlet'"),
        (HEAD + 'train_under = "particles"', "line 5: .*where no swarm moves the alphas"),
        (HEAD + "temperature = 0", "line 5: .*temperature: expected > 0"),
        (HEAD + "temperature = [2, 1]", "line 5: .*expected a trigger 'epochs' in until"),
        (
            HEAD + "learning_rate = [1, 2, 3]",
            "line 5: phase.0.learning_rate: value: expected a fin",
        ),
        (HEAD + 'freeze = { trigger = "epochs" }', "line 5: .*Known: gradient-agreement"),
        (
            "keep_epochs = 12\n" + HEAD + 'until = [{ trigger = "hessian-eigenvalue" }]',
            "line 1: keep_epochs: expected at least 13",
        ),
        (HEAD + "until = [" + "{ not = " * 300 + "3" + " }" * 300 + "]", "p.toml"),
    ],
)
def test_a_wrong_document_gets_one_line_that_names_the_place(text, message):
    with pytest.raises(DocumentError, match=message) as caught:
        parse_policy(text, source="p.toml")
    assert "\n" not in str(caught.value)


def test_policies_load_by_name_or_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(HEAD)
    assert load_policy(path).name == "mine"
    assert load_policy("darts").name == "darts"
    with pytest.raises(UnknownNameError, match="Did you mean 'g-icso-nas'"):
        load_policy("g-icso-nsa")
    with pytest.raises(DocumentError, match=r"none\.toml: expected a readable file"):
        load_policy(tmp_path / "none.toml")


LEAVES = st.one_of(
    st.builds(lambda n: {"trigger": "epochs", "at_least": n}, st.integers(1, 9)),
    st.builds(lambda n: {"trigger": "no-gain", "for_epochs": n}, st.integers(1, 4)),
    st.builds(lambda n: {"trigger": "genotype-stable", "for_epochs": n}, st.integers(1, 4)),
    st.builds(
        lambda x, n: {"trigger": "skip-share", "above": x, "for_epochs": n},
        st.floats(0, 1),
        st.integers(1, 3),
    ),
    st.builds(lambda x: {"trigger": "entropy", "below": x, "relative": True}, st.floats(0, 1)),
    st.just({"trigger": "hessian-eigenvalue", "every": 1, "window": 3, "lag": 1, "start": 0}),
    st.builds(lambda x: {"trigger": "gradient-agreement", "below": x}, st.floats(0, 1)),
)
SWARM_LEAVES = LEAVES | st.one_of(
    st.builds(lambda n: {"trigger": "evaluations", "at_least": n}, st.integers(1, 200)),
    st.builds(
        lambda x, n: {"trigger": "diversity", "below": x, "slope_over": n},
        st.floats(-1, 1),
        st.integers(2, 4),
    ),
)


def composed(leaves):
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=2)),
            st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=2)),
            st.builds(lambda part, n: {"not": part, "for_epochs": n}, inner, st.integers(1, 3)),
        ),
        max_leaves=3,
    )


@st.composite
def policies(draw):
    phases = []
    for at in range(draw(st.integers(1, 4))):
        alphas = draw(st.sampled_from(["frozen", "gradient", "swarm", "alternate"]))
        leaves = composed(SWARM_LEAVES if alphas in ("swarm", "alternate") else LEAVES)
        until = draw(st.lists(leaves, min_size=1, max_size=3))
        ways = st.fixed_dictionaries(
            {"phase": st.sampled_from([f"p{i}" for i in range(at)] or [""]), "when": leaves}
        )
        back_to = draw(st.lists(ways, max_size=2)) if at else []
        phases.append({"name": f"p{at}", "alphas": alphas, "until": until, "back_to": back_to})
    return Policy.model_validate(
        {
            "name": "drawn",
            "epochs": 20,
            "max_epochs": draw(st.integers(40, 60)),
            "max_returns": draw(st.integers(0, 4)),
            "phase": phases,
        }
    )


@settings(max_examples=60, deadline=None)
@given(policies(), st.integers(0, 2**32))
def test_no_policy_is_stuck_passes_its_cap_or_depends_on_more_than_the_history(policy, seed):
    engine = drive(policy, seed=seed)
    history, decisions = engine.history, engine.decisions
    assert engine.decision.stop
    assert history[-1].epoch <= policy.cap
    order = [phase.name for phase in policy.phases]
    path = [order.index(decision.phase) for decision in decisions]
    falls = [i for i in range(1, len(path)) if path[i] < path[i - 1]]
    assert len(falls) <= policy.max_returns
    assert all(path[i] - path[i - 1] <= 1 for i in range(1, len(path)))
    again = parse_policy(policy.to_toml(), source="drawn")
    assert again == policy
    copies = [Signals.from_json(signals.to_json()) for signals in history]
    assert simulate(again, copies) == list(decisions)
    assert policy.decide(history) == decisions[-1]
    for at, (signals, decision) in enumerate(zip(history, decisions, strict=True)):
        for trigger in policy[signals.phase].until:
            if trigger.check(history[: at + 1]).fired:
                assert signals.phase_epochs >= trigger.earliest()
        assert decision.reason


def test_parts_may_be_built_in_python():
    policy = Policy(
        name="mine",
        epochs=6,
        phases=(
            Phase(name="a", alphas="swarm", until=(Diversity(below=0.1), Epochs(at_least=3))),
            Phase(
                name="b",
                alphas="gradient",
                until=(Epochs(at_least=3),),
                back_to=(BackTo(phase="a", when=SkipShare(above=0.5)),),
            ),
        ),
    )
    assert parse_policy(policy.to_toml(), source="mine.toml") == policy
    with pytest.raises(SettingError, match="Phase: alphas: Input should be"):
        Phase(name="a", alphas="swarms")


def test_what_is_kept_is_kept_at_another_length_too():
    trigger = {"trigger": "hessian-eigenvalue"}  # rolls back
    phase = Phase(name="search", alphas="gradient", until=[trigger])
    policy = Policy(name="long", epochs=100, phases=[phase], keep_epochs=50)
    needed = Policy(name="long", epochs=100, phases=[phase]).rescaled(epochs=2).roll_back_epochs
    assert policy.rescaled(epochs=50).keep_epochs == 25
    assert policy.rescaled(epochs=2).keep_epochs == max(1, needed)
