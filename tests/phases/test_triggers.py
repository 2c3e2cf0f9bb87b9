"""Every trigger on constructed signals: at, just under and just over its threshold."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnas.errors import SettingError
from swarmnas.phases import (
    AllOf,
    AnyOf,
    Diversity,
    Entropy,
    Epochs,
    Evaluations,
    FreezeOperations,
    GenotypeStable,
    GradientAgreement,
    HessianEigenvalue,
    NoGain,
    Not,
    RankingStable,
    RollBack,
    Seconds,
    Signals,
    SkipCount,
    SkipShare,
    triggers,
)


def stay(*, phase="here", epoch=0, **columns):
    """Return records of one stay; each column is a list with one reading an epoch."""
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [
        Signals(phase=phase, phase_epochs=i, epoch=epoch + i, **row)
        for i, row in enumerate(rows, start=1)
    ]


ELSEWHERE = stay(
    phase="elsewhere",
    evaluations=[400],
    seconds=[90.0],
    diversity=[0.001],
    entropy=[0.001],
    genotype=["a"],
    operation_ranking=["a"],
    valid_loss=[0.001],
    skip_count=[{"normal": 8}],
    skip_share=[1.0],
)


@pytest.mark.parametrize(
    ("trigger", "column", "readings", "fired", "margin"),
    [
        (Evaluations(at_least=10), "evaluations", [405, 409], False, -1),
        (Evaluations(at_least=10), "evaluations", [405, 410], True, 0),
        (Evaluations(at_least=10), "evaluations", [405, 411], True, 1),
        (Seconds(at_least=10), "seconds", [95.0, 99.5], False, -0.5),
        (Seconds(at_least=10), "seconds", [95.0, 100.0], True, 0),
        (Seconds(at_least=10), "seconds", [95.0, 100.5], True, 0.5),
        (Diversity(below=0.5), "diversity", [0.75, 0.625], False, -0.125),
        (Diversity(below=0.5), "diversity", [0.75, 0.5], False, 0),
        (Diversity(below=0.5), "diversity", [0.75, 0.375], True, 0.125),
        (Diversity(above=0.5), "diversity", [0.5], False, 0),
        (Diversity(above=0.5), "diversity", [0.625], True, 0.125),
        (Diversity(below=0.5, for_epochs=2), "diversity", [0.25], False, None),
        (Diversity(below=0.5, for_epochs=2), "diversity", [0.25, 0.5], False, 0),
        (Diversity(below=0.5, for_epochs=2), "diversity", [0.5, 0.25], False, 0),
        (Diversity(below=0.5, for_epochs=2), "diversity", [0.25, 0.375], True, 0.125),
        (Diversity(below=0.5, for_epochs=2), "diversity", [0.25, 0.75, 0.375], False, -0.25),
        (Diversity(below=0.5), "diversity", [0.25, math.nan], True, 0.25),
        (Diversity(below=0.5), "diversity", [None, math.nan], False, None),
        (Diversity(below=0.5, relative=True), "diversity", [0.25, 0.125], False, 0),
        (Diversity(below=0.5, relative=True), "diversity", [0.25, 0.0625], True, 0.25),
        (Diversity(below=0.5, relative=True), "diversity", [0.0, 0.0], False, None),
        (Diversity(above=-0.25, slope_over=3), "diversity", [1.0, 0.5], False, None),
        (Diversity(above=-0.25, slope_over=3), "diversity", [9.0, 1.0, 0.75, 0.5], False, 0),
        (Diversity(above=-0.25, slope_over=3), "diversity", [9.0, 1.0, 0.5, 0.75], True, 0.125),
        (Diversity(below=-0.25, slope_over=2, relative=True), "diversity", [2.0, 1.0], True, 0.25),
        (Entropy(below=0.5), "entropy", [0.5], False, 0),
        (Entropy(below=0.5), "entropy", [0.375], True, 0.125),
        (Entropy(above=0.5), "entropy", [0.375], False, -0.125),
        (NoGain(for_epochs=2), "valid_loss", [1.0, 1.0], False, -1),
        (NoGain(for_epochs=2), "valid_loss", [1.0, 1.0, 1.0], True, 0),
        (NoGain(for_epochs=2), "valid_loss", [1.0, 1.0, 1.0, 1.0], True, 1),
        (NoGain(for_epochs=2), "valid_loss", [1.0, 0.5, 0.5], False, -1),
        (NoGain(for_epochs=2, min_delta=0.5), "valid_loss", [1.0, 0.75, 0.5], True, 0),
        (NoGain(for_epochs=2, min_delta=0.5), "valid_loss", [1.0, 0.75, 0.25], False, -2),
        (NoGain(for_epochs=2), "valid_loss", [1.0, math.nan, math.inf], True, 0),
        (NoGain(for_epochs=2), "valid_loss", [None, None, None], False, None),
        (GenotypeStable(for_epochs=2), "genotype", ["a", "a"], False, -1),
        (GenotypeStable(for_epochs=2), "genotype", ["a", "a", "a"], True, 0),
        (GenotypeStable(for_epochs=2), "genotype", ["b", "a", "a", "a", "a"], True, 1),
        (GenotypeStable(for_epochs=2), "genotype", ["a", "a", "a", "b"], False, -2),
        (GenotypeStable(for_epochs=2), "genotype", [None], False, None),
        (RankingStable(for_epochs=2), "operation_ranking", ["a", "a"], False, -1),
        (RankingStable(for_epochs=2), "operation_ranking", ["b", "a", "a", "a"], True, 0),
        (RankingStable(for_epochs=2), "operation_ranking", ["a", "b", "a"], False, -2),
        (SkipCount(cell="normal"), "skip_count", [{"normal": 1, "reduce": 5}], False, -1),
        (SkipCount(cell="normal"), "skip_count", [{"normal": 2}], True, 0),
        (SkipCount(cell="normal"), "skip_count", [{"normal": 3}], True, 1),
        (SkipCount(cell="normal"), "skip_count", [{"reduce": 3}], False, None),
        (SkipCount(), "skip_count", [{"normal": 1, "reduce": 2}], True, 0),
        (SkipCount(), "skip_count", [{}], False, None),
        (SkipShare(above=0.5), "skip_share", [0.5], False, 0),
        (SkipShare(above=0.5), "skip_share", [0.625], True, 0.125),
        (SkipShare(at_least=0.5), "skip_share", [0.5], True, 0),
        (SkipShare(at_least=0.5), "skip_share", [0.375], False, -0.125),
    ],
)
def test_a_reading_at_under_and_over_its_threshold(trigger, column, readings, fired, margin):
    verdict = trigger.check(ELSEWHERE + stay(epoch=1, **{column: readings}))
    assert verdict.fired is fired
    assert verdict.margin == margin
    assert verdict.trigger == trigger.name
    assert verdict.actions == ()
    if margin is not None:
        numbers = (f"{verdict.value:.4g}", f"{verdict.threshold:.4g}")
        assert all(number in verdict.reason for number in numbers)


@pytest.mark.parametrize(
    ("epochs", "fired", "margin"), [(2, False, -1), (3, True, 0), (4, True, 1)]
)
def test_epochs_count_within_the_stay(epochs, fired, margin):
    verdict = Epochs(at_least=3).check(ELSEWHERE + stay(epoch=1, step=[0] * epochs))
    assert (verdict.fired, verdict.margin) == (fired, margin)
    need = "" if fired else ", needs"
    assert verdict.reason == f"epochs in the phase {epochs}{need} >= 3"


def test_the_reason_tells_the_patience():
    history = stay(diversity=[0.5, 0.041, 0.04])
    verdict = Diversity(below=0.05, for_epochs=3).check(history)
    assert verdict.reason == "swarm diversity 0.04, needs < 0.05 (2 of 3 epochs)"


# RobustDARTS: entries at epochs 1, 3, 5, ..., means over 5, ratio to the mean 4 entries before,
# first asked at epoch 23, roll-back of 12 epochs.
def eigenvalues(*values, every=2, epoch=0):
    rows = [
        {"hessian-eigenvalue": values[i // every]} if i % every == 0 else {}
        for i in range(every * (len(values) - 1) + 1)
    ]
    return stay(epoch=epoch, probes=rows)


@pytest.mark.parametrize(
    ("last", "fired"),
    # The mean of entries 4 to 8 is 1; that of 8 to 12 is (4 + last) / 5 > 1.3 from 2.5 on.
    [(2.49, False), (2.5, False), (2.51, True)],
)
def test_the_eigenvalue_rule_of_robust_darts(last, fired):
    history = eigenvalues(*[1.0] * 11, last)
    verdict = HessianEigenvalue().check(history)
    assert history[-1].epoch == 23
    assert verdict.fired is fired
    assert verdict.value == pytest.approx((4 + last) / 5, rel=1e-15)
    assert verdict.actions == ((RollBack(epoch=11),) if fired else ())


def test_the_eigenvalue_rule_waits_for_its_start():
    early = eigenvalues(*[1.0] * 10, 100.0)
    assert early[-1].epoch == 21
    verdict = HessianEigenvalue().check(early)
    assert not verdict.fired
    assert verdict.value is None


def test_the_eigenvalue_rule_means_over_fewer_at_the_start():
    # every 1, window 3, lag 2, start 0: at epoch index 3, entry 3 over entry 1 (two values).
    trigger = HessianEigenvalue(every=1, window=3, lag=2, start=0, above=1.5)
    verdict = trigger.check(eigenvalues(1.0, 3.0, 2.0, 4.0, every=1))
    assert verdict.value == (3.0 + 2.0 + 4.0) / 3 / ((1.0 + 3.0) / 2)
    assert not verdict.fired
    verdict = trigger.check(eigenvalues(1.0, 3.0, 2.0, 4.1, every=1, epoch=40))
    assert verdict.actions == (RollBack(epoch=41),)


@pytest.mark.parametrize("missing", [math.nan, math.inf, {"not": 1.0}])
def test_a_missing_eigenvalue_fires_nothing(missing):
    history = eigenvalues(*[1.0] * 11, 9.0)
    history[-1] = Signals(phase="here", phase_epochs=23, epoch=23, probes={
        "hessian-eigenvalue": missing
    })  # fmt: skip
    assert not HessianEigenvalue().check(history).fired


def test_probes_are_due_when_the_rule_reads_them():
    due = [epoch for epoch in range(1, 8) if HessianEigenvalue(every=3).due(epoch)]
    assert due == [1, 4, 7]
    assert HessianEigenvalue().earliest() == 23
    assert HessianEigenvalue().roll_back_epochs() == 13


@pytest.mark.parametrize(
    ("agreement", "frozen"), [(0.41, ()), (0.4, ()), (0.39, (FreezeOperations(("a",)),))]
)
def test_gradient_agreement_freezes_what_falls_below(agreement, frozen):
    verdict = GradientAgreement().check(
        stay(probes=[{"gradient-agreement": {"a": agreement, "b": 0.9}}])
    )
    assert verdict.fired is bool(frozen)
    assert verdict.value == agreement
    assert verdict.actions == frozen


def test_gradient_agreement_freezes_an_operation_once():
    found = [{"a": 0.1, "b": 0.9, "c": 0.9}, {"a": 0.1, "b": 0.2, "c": 0.3}, {"b": 0.1}]
    history = stay(probes=[{"gradient-agreement": agreements} for agreements in found])
    actions = [GradientAgreement().check(history[:end]).actions for end in (1, 2, 3)]
    assert actions == [(FreezeOperations(("a",)),), (FreezeOperations(("b", "c")),), ()]


LOW, HIGH = Diversity(below=0.5), Diversity(above=0.5)


@pytest.mark.parametrize(
    ("trigger", "readings", "fired"),
    [
        (AllOf(parts=(LOW, Epochs(at_least=2))), [0.1], False),
        (AllOf(parts=(LOW, Epochs(at_least=2))), [0.1, 0.1], True),
        (AllOf(parts=(LOW, Epochs(at_least=2))), [0.1, 0.9], False),
        (AnyOf(parts=(HIGH, Epochs(at_least=2))), [0.1], False),
        (AnyOf(parts=(HIGH, Epochs(at_least=2))), [0.9], True),
        (Not(part=LOW), [0.5], True),
        (Not(part=LOW), [0.4], False),
        (Not(part=LOW, for_epochs=2), [0.6], False),
        (Not(part=LOW, for_epochs=2), [0.6, 0.7], True),
        (Not(part=LOW, for_epochs=2), [0.6, 0.4, 0.7], False),
        (AllOf(parts=(Not(part=LOW, for_epochs=2), HIGH), for_epochs=2), [0.6, 0.6], False),
        (AllOf(parts=(Not(part=LOW, for_epochs=2), HIGH), for_epochs=2), [0.6, 0.6, 0.6], True),
    ],
)
def test_composition(trigger, readings, fired):
    assert trigger.check(stay(diversity=readings)).fired is fired


def test_a_composition_keeps_its_parts_and_their_actions():
    below = GradientAgreement()
    trigger = AnyOf(parts=(below, Epochs(at_least=9)))
    history = stay(probes=[{"gradient-agreement": {"a": 0.0}}])
    verdict = trigger.check(history)
    assert [part.fired for part in verdict.parts] == [True, False]
    assert verdict.actions == (FreezeOperations(("a",)),)
    assert verdict.margin is None
    assert " or epochs in the phase 1, needs >= 9" in verdict.reason
    assert AllOf(parts=trigger.parts).check(history).actions == ()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.integers(1, 4), st.integers(1, 4))
def test_patience_is_a_run_of_epochs_that_hold(readings, inner, outer):
    history = stay(diversity=readings)
    holds = [value < 0.5 for value in readings]
    need = inner + outer - 1
    expected = len(holds) >= need and all(holds[-need:])
    nested = AllOf(parts=(Diversity(below=0.5, for_epochs=inner),), for_epochs=outer)
    assert nested.check(history).fired is expected
    assert Diversity(below=0.5, for_epochs=need).check(history).fired is expected


@given(
    st.sampled_from([LOW, HIGH, SkipCount(at_least=3), NoGain(for_epochs=3)]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=1, max_size=9),
)
def test_an_easier_threshold_fires_no_later(trigger, rows):
    history = stay(
        diversity=[value for value, _ in rows],
        valid_loss=[value for value, _ in rows],
        skip_count=[{"normal": count} for _, count in rows],
    )
    harder, same, easier = (trigger.eased(steps).check(history).fired for steps in (-1, 0, 1))
    assert harder <= same <= easier
    assert same is trigger.check(history).fired


def test_easing_a_negation_hardens_its_part():
    assert Not(part=LOW).eased(1) == Not(part=Diversity(below=0.45))
    assert AnyOf(parts=(Epochs(at_least=4), LOW)).eased(-1) == AnyOf(
        parts=(Epochs(at_least=5), Diversity(below=0.45))
    )


def test_rescaling_changes_what_counts_epochs_and_nothing_else():
    assert Epochs(at_least=15).rescaled(0.2) == Epochs(at_least=3)
    assert Evaluations(at_least=15).rescaled(0.2) == Evaluations(at_least=15)
    assert Diversity(below=0.1, for_epochs=3, slope_over=5).rescaled(0.2) == Diversity(
        below=0.1, for_epochs=1, slope_over=2
    )
    assert HessianEigenvalue().rescaled(0.5) == HessianEigenvalue(every=1, start=5)
    assert Not(part=NoGain(for_epochs=4), for_epochs=2).rescaled(2) == Not(
        part=NoGain(for_epochs=8), for_epochs=4
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Diversity(), "expected exactly one of below, above; got none"),
        (lambda: Diversity(below=0.1, above=0.2), "got below and above"),
        (lambda: Epochs(at_least=0), "at_least: .* greater than or equal to 1; got 0"),
        (lambda: Epochs(at_least=True), "at_least: .* integer; got True"),
        (lambda: Entropy(below=math.nan), "below: .* finite number"),
        (lambda: Diversity(belw=0.1), "Did you mean 'below'"),
        (lambda: AllOf(parts=()), "at least 1 item"),
        (lambda: Diversity(below=0.1, slope_over=1), "greater than or equal to 2"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(make, message):
    with pytest.raises(SettingError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_every_registered_trigger_says_what_it_is():
    for name, entry in triggers.entries().items():
        trigger = triggers.load(name)
        assert trigger.name == name
        assert trigger.__doc__
        assert entry.summary.endswith(".")
