"""Errors, checks, seeds, names and documents: what everything else stands on."""

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict

from swarmnas import documents, rng
from swarmnas.checks import as_float, as_int, one_of, require
from swarmnas.errors import (
    DocumentError,
    MissingDependencyError,
    SettingError,
    StateError,
    UnknownNameError,
)
from swarmnas.registry import Registry


@pytest.mark.parametrize("value", [1.0, True, "3", None, 0])
def test_as_int_refuses_what_is_no_integer_in_range(value):
    with pytest.raises(SettingError, match=r"size: expected an integer >= 1; got"):
        as_int("size", value, low=1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "1", 0.0, 1.5])
def test_as_float_refuses_what_is_outside(value):
    with pytest.raises(SettingError, match="rate: expected a finite number > 0 and <= 1"):
        as_float("rate", value, low=0, high=1, open_low=True)


def test_unknown_name_says_the_nearest():
    with pytest.raises(UnknownNameError, match=r"Did you mean 'pso'\? Known: cso, pso\."):
        one_of("optimizer", "psoo", ["pso", "cso"])


def test_missing_extra_names_the_command():
    with pytest.raises(MissingDependencyError, match=r"pip install 'swarmnas\[nats\]'"):
        require("no_such_module_here", extra="nats", needed_by="table import")


def test_streams_depend_on_seed_and_path_alone():
    first = rng.generator(7, 3, 1).random(4)
    rng.seed_sequence(7).spawn(5)
    assert np.array_equal(first, rng.generator(7, 3, 1).random(4))
    assert not np.array_equal(first, rng.generator(7, 3, 2).random(4))
    assert not np.array_equal(first, rng.generator(8, 3, 1).random(4))


@pytest.mark.parametrize("seed", [-1, 1.5, "0", None, True])
def test_seed_must_be_a_whole_number(seed):
    with pytest.raises(SettingError, match="seed: expected an integer >= 0"):
        rng.generator(seed)


def test_generator_continues_from_its_state():
    source = rng.generator(3)
    source.integers(0, 7, size=3, dtype=np.uint32)  # leaves half a word buffered
    copy = rng.restore_generator(rng.generator_state(source))
    assert np.array_equal(source.integers(0, 99, 9, np.uint32), copy.integers(0, 99, 9, np.uint32))


@pytest.mark.parametrize("size", [0, 1, 5000, 5001, 70_000, 140_001])
@pytest.mark.parametrize("left_over", [False, True])
def test_uniform_draws_are_those_of_numpy(size, left_over):
    fast, slow = rng.generator(5), rng.generator(5)
    for source in (fast, slow):
        source.random(int(left_over), dtype=np.float32)
    draws = np.empty(size, dtype=np.float32)
    rng.fill_uniform(fast, draws)
    assert np.array_equal(draws, slow.random(size, dtype=np.float32))
    assert np.array_equal(fast.random(9, dtype=np.float32), slow.random(9, dtype=np.float32))
    assert fast.random() == slow.random()


def test_generator_state_of_another_kind_is_refused():
    with pytest.raises(StateError, match="SFC64"):
        rng.restore_generator({"kind": "PCG64", "words": [1, 2]})


def test_registry_refuses_a_taken_name_and_loads_lazily():
    names = Registry[object](kind="thing")
    names.add("lost", "no_such_module:nothing", summary="Imported only when loaded.")
    assert list(names) == ["lost"]
    with pytest.raises(SettingError, match="expected a free name; got 'lost'"):
        names.add("lost", "math:pi", summary="Again.")


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    size: int = 1


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    part: list[Inner] = []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = = 1", r"file\.toml: expected TOML; got a syntax error: .*line 1"),
        (
            '[[part]]\nname = "a"\n\n[[part]]\nname = "b"\nsiez = 3\n',
            r"file\.toml, line 6: key: unknown name 'siez'\. Did you mean 'size'\?",
        ),
        ('[[part]]\nname = "a"\nsize = "big"\n', r"file\.toml, line 3: part\.0\.size: .*'big'"),
    ],
)
def test_documents_name_file_line_and_key(text, message):
    with pytest.raises(DocumentError, match=message):
        documents.validate(
            Outer, documents.parse_toml(text, source="file.toml"), source="file.toml", text=text
        )


def test_text_is_bounded_and_utf8(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(DocumentError, match="expected a readable file"):
        documents.read_text(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DocumentError, match="expected UTF-8"):
        documents.read_text(path)
    path.write_bytes(b"1234")
    with pytest.raises(DocumentError, match="expected at most 3 bytes"):
        documents.read_text(path, max_bytes=3)


def test_deep_json_is_refused_not_a_crash():
    with pytest.raises(DocumentError, match="expected JSON"):
        documents.parse_json("[" * 100_000, source="x")


def test_json_has_no_nan():
    assert (
        documents.dump_json({"a": [float("nan"), -float("inf"), 1.5]})
        == '{"a": ["nan", "-inf", 1.5]}'
    )
