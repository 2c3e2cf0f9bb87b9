"""Whatever a reader is given, nothing but our own errors comes out, and nothing hangs."""

import json
import os
import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.readers import READERS

pytest.importorskip("torch")  # the data sets'

tomli_w = pytest.importorskip("tomli_w")

THOROUGH = int(os.environ.get("SWARMNAS_FUZZ_INPUTS", "10000"))

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=10),
    st.sampled_from(
        [
            "nan",
            "inf",
            "x" * 5000,
            "../../x",
            "<script>",
            "\x1b[31m",
            0,
            -1,
            2**63,
            10**300,
            10**4000,
        ]
    ),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def spoiled_bytes(examples):
    """Rubbish, or an example with bytes overwritten, cut or put in."""
    longest = max(map(len, examples))
    insert = st.binary(max_size=8) | st.sampled_from(
        [
            b"[" * 3000,
            b"a." * 3000,
            b"9" * 5000,
            b"0x" + b"f" * 9000,
            b"\xff" * 8,
            b"\n" * 3,
            b"\0" * 8,
        ]
    )
    edit = st.tuples(st.integers(0, longest), st.integers(0, 8), insert)

    def apply(data, edits):
        for at, drop, put in edits:
            data = data[:at] + put + data[at + drop :]
        return data

    edits = st.lists(edit, min_size=1, max_size=3)
    return st.binary(max_size=200) | st.builds(apply, st.sampled_from(examples), edits)


def places(value, here=()):
    """Return the paths of everything in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = [here] if here else []
    if isinstance(value, dict | list):
        for key, item in items:
            found += places(item, (*here, key)) if isinstance(item, dict | list) else [(*here, key)]
    return found


def exchanged(document, at, value, how):
    """Return a document with one place changed, taken out, or with a neighbour."""
    document = json.loads(json.dumps(document))
    *way, last = at
    parent = document
    for key in way:
        parent = parent[key]
    if how == "drop":
        del parent[last]
    elif how == "add" and isinstance(parent, dict):
        parent[str(last) + "x"] = value
    elif how == "double" and isinstance(parent, list):
        parent.append(parent[last])
    else:
        parent[last] = value
    return document


def dumped(form, document):
    try:
        return (tomli_w.dumps(document) if form == "toml" else json.dumps(document)).encode()
    except (TypeError, ValueError, RecursionError, AttributeError):  # TOML has no null
        return b""


def spoiled_documents(form, examples):
    """An example with values exchanged, taken out or put in."""
    how = st.sampled_from(["set", "set", "set", "drop", "add", "double"])

    @st.composite
    def spoil(draw):
        lines = draw(st.sampled_from(examples)).decode()
        if form != "jsonl":
            document = tomllib.loads(lines) if form == "toml" else json.loads(lines)
            for _ in range(draw(st.integers(1, 2))):
                if found := places(document):
                    at = draw(st.sampled_from(found))
                    document = exchanged(document, at, draw(VALUES), draw(how))
            return dumped(form, document)
        records = [json.loads(line) for line in lines.splitlines()]
        at = draw(st.integers(0, len(records) - 1))
        place = draw(st.sampled_from(places(records[at])))
        records[at] = exchanged(records[at], place, draw(VALUES), draw(how))
        return b"".join(dumped("json", record) + b"\n" for record in records)

    return spoil()


def spoil(reader):
    examples = reader.examples()
    bytewise = spoiled_bytes(examples)
    return bytewise | spoiled_documents(reader.form, examples) if reader.form else bytewise


@pytest.mark.parametrize("name", READERS)
def test_whole_examples_are_read(name):
    reader = READERS[name]
    with reader.home() as home:
        for example in reader.examples():
            (home / reader.file).write_bytes(example)
            reader.read(home)


def inputs(count):
    return settings(
        max_examples=count,
        derandomize=count < THOROUGH,  # the same few in every default run
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def feed(name, count):
    reader = READERS[name]
    with reader.home() as home:

        @inputs(count)
        @given(spoil(reader))
        def put(content):
            reader.put(home, content)

        put()


@pytest.mark.parametrize("name", READERS)
def test_spoiled_files_give_only_our_errors(name):
    feed(name, 100)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", READERS)
def test_ten_thousand_spoiled_files_give_only_our_errors(name):
    feed(name, THOROUGH)
