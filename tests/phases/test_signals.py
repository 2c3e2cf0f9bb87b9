import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmnas.errors import DocumentError, SettingError
from swarmnas.phases import Signals, epochs_without_gain

names = st.text(max_size=8)
numbers = st.floats()
maybe = st.none() | numbers
records = st.builds(
    Signals,
    phase=names,
    phase_epochs=st.integers(1, 1000),
    epoch=st.integers(1, 1000),
    step=st.integers(0, 10**12),
    evaluations=st.integers(0, 10**12),
    seconds=numbers,
    train_loss=maybe,
    valid_loss=maybe,
    diversity=maybe,
    entropy=maybe,
    genotype=st.none() | names,
    operation_ranking=st.none() | names,
    skip_count=st.none() | st.dictionaries(names, st.integers(0, 20)),
    epochs_without_gain=st.none() | st.integers(0, 100),
    probes=st.dictionaries(names, numbers | st.dictionaries(names, numbers)),
)


@settings(max_examples=50, deadline=None)
@given(records)
def test_a_record_survives_json_exactly(signals):
    text = json.dumps(signals.to_json(), allow_nan=False)
    again = Signals.from_json(json.loads(text))
    assert json.dumps(again.to_json()) == text
    assert repr(again) == repr(signals)


def test_the_clock_stands_apart():
    record = Signals(phase="a", phase_epochs=1, epoch=1, seconds=3.5).to_json()
    assert record.pop("timing") == {"seconds": 3.5}
    assert record == {
        "phase": "a",
        "phase_epochs": 1,
        "epoch": 1,
        "step": 0,
        "evaluations": 0,
        "probes": {},
    }
    assert Signals.from_json({"kind": "epoch", **record}).seconds == 0.0


def test_nobody_can_change_a_record():
    skips, probes = {"normal": 1}, {"agreement": {"conv": 0.5}}
    signals = Signals(phase="a", phase_epochs=1, epoch=1, skip_count=skips, probes=probes)
    skips["normal"], probes["agreement"]["conv"] = 7, 7.0
    assert signals.skip_count == {"normal": 1}
    assert signals.probes == {"agreement": {"conv": 0.5}}
    with pytest.raises(TypeError):
        signals.probes["agreement"]["conv"] = 1.0
    with pytest.raises(AttributeError):
        signals.epoch = 2


def test_numbers_of_array_libraries_become_plain():
    one = np.float32(0.1)
    signals = Signals(
        phase="a",
        phase_epochs=np.int64(1),
        epoch=np.int64(1),
        diversity=one,
        skip_count={"cell": np.int64(2)},
        probes={"x": np.float32(0.5), "y": {"z": one}},
    )
    assert json.dumps(signals.to_json())
    assert type(signals.diversity) is float
    assert signals.diversity == float(one)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"phase": 3}, "signals: phase: Input should be a valid string"),
        ({"epoch": "many"}, "signals: epoch: Input should be a valid integer"),
        ({"skip_count": [1]}, "signals: skip_count: Input should be a valid"),
        ({"epoch": None}, "signals: epoch: "),
    ],
)
def test_a_wrong_record_is_refused_in_one_line(change, message):
    record = Signals(phase="a", phase_epochs=1, epoch=1).to_json() | change
    with pytest.raises(DocumentError, match=message) as caught:
        Signals.from_json(record)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["phase_epochs", "epoch", "step", "evaluations"])
def test_counters_have_a_least_value(name):
    with pytest.raises(SettingError, match=f"{name}: expected an integer >="):
        Signals(**{"phase": "a", "phase_epochs": 1, "epoch": 1, name: -1})


@pytest.mark.parametrize(
    ("losses", "min_delta", "waited"),
    [
        ([], 0, ()),
        ([1.0, 0.9, 0.9, 0.95], 0, (0, 0, 1, 2)),
        ([1.0, 0.9, 0.8, 0.5], 0.25, (0, 1, 2, 0)),
        ([math.nan, 1.0, math.inf, math.nan], 0, (1, 0, 1, 2)),
        ([-1.0, -math.inf, -2.0], 0, (0, 1, 0)),
    ],
)
def test_a_gain_is_a_fall_by_more_than_min_delta(losses, min_delta, waited):
    assert epochs_without_gain(losses, min_delta=min_delta) == waited
