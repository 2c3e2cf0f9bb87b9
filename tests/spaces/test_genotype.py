"""Genotypes: one form for equal cells, the two texts of the field, hostile input."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmnas.errors import DocumentError, SettingError, SwarmNASError, UnknownNameError
from swarmnas.spaces import Choice, Genotype, available_genotypes, create, named_genotype

BEST = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
)

DARTS_V2 = """
Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0),
  ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0),
  ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], reduce=[("max_pool_3x3", 0),
  ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0),
  ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=range(2, 6),)
"""


def test_cell_string_of_nasbench201():
    genotype = create("nasbench201").parse(f"  {BEST}\n")
    assert genotype.choices("cell") == (
        Choice("nor_conv_3x3", 0, 1),
        Choice("nor_conv_3x3", 0, 2),
        Choice("nor_conv_3x3", 1, 2),
        Choice("skip_connect", 0, 3),
        Choice("nor_conv_3x3", 1, 3),
        Choice("nor_conv_1x1", 2, 3),
    )
    assert genotype.to_text() == BEST
    assert genotype.count("nor_conv_3x3") == 4
    assert genotype.skip_share == pytest.approx(1 / 6)


def test_genotype_text_of_darts():
    genotype = create("darts").parse(DARTS_V2)
    assert genotype == named_genotype("DARTS_V2")
    assert genotype.choices("normal")[4:] == (
        Choice("skip_connect", 0, 4),
        Choice("sep_conv_3x3", 1, 4),
        Choice("skip_connect", 0, 5),
        Choice("dil_conv_3x3", 2, 5),
    )
    assert genotype.to_text().startswith(
        "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
    )
    assert genotype.to_text().endswith("('skip_connect', 2)], reduce_concat=range(2, 6))")


def test_order_of_cells_and_edges_makes_no_difference():
    one = Genotype("mine", (("a", (Choice("x", 0, 1),)), ("b", (("y", 0, 2), ("x", 0, 1)))))
    two = Genotype("mine", {"b": [["x", 0, 1], ["y", 0, 2]], "a": [["x", 0, 1]]})
    assert one == two
    assert len({one, two}) == 1
    assert one.to_text() == two.to_text() == "a=|x~0| b=|x~0|+|y~0|"


def test_published_cells_are_cells_of_darts():
    darts = create("darts")
    assert len(available_genotypes()) == 26
    assert not any("SETN" in name for name in available_genotypes())
    for name in available_genotypes():
        genotype = named_genotype(name)
        assert darts.parse(genotype.to_text()) == genotype
        assert Genotype.from_json(json.dumps(genotype.to_json())) == genotype
        assert darts.decode(darts.encode(genotype)) == genotype


@pytest.mark.parametrize(("name", "skips"), [("DARTS_V1", 3), ("DARTS_V2", 2)])
def test_published_cells_have_their_known_skips(name, skips):
    normal = named_genotype(name).choices("normal")
    assert sum(choice.operation == "skip_connect" for choice in normal) == skips


def test_unknown_genotype_names_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'GDAS_V1'"):
        named_genotype("GDAS")


@pytest.mark.parametrize(
    ("space", "text", "error", "message"),
    [
        ("nasbench201", "", DocumentError, "a cell string; got the end of the text"),
        ("nasbench201", BEST.replace("~2", ""), DocumentError, "an edge 'op~source'"),
        ("nasbench201", BEST.replace("+", ""), DocumentError, r"an edge 'op~source'; got '\|\|'"),
        ("nasbench201", f"{BEST} {BEST}", DocumentError, "by name and once"),
        ("nasbench201", f"normal={BEST}", DocumentError, "one of the cells cell"),
        ("nasbench201", BEST.replace("1x1", "1x"), UnknownNameError, "mean 'nor_conv_1x1'"),
        ("nasbench201", BEST.rsplit("+", 1)[0], SettingError, "node 3: expected 3 incoming"),
        ("nasbench201", BEST.replace("~2", "~3"), SettingError, "source < target"),
        ("nasbench201", BEST.replace("conv_3x3~1", "conv_3x3~0"), SettingError, "0 -> 2 twice"),
        ("nasbench201", 3, DocumentError, "expected text; got int"),
        ("nasbench201", "|" * 2_000_000, DocumentError, "at most 1,000,000 characters"),
        ("darts", DARTS_V2.replace("max_pool", "maxpool"), UnknownNameError, "mean 'max_pool_3x3'"),
        ("darts", DARTS_V2.replace("dil_conv_3x3", "none"), SettingError, "got 'none'"),
        ("darts", DARTS_V2.replace("range(2, 6)", "range(2, 7)"), DocumentError, "reduce_concat"),
        ("darts", DARTS_V2.replace("reduce=", "other="), DocumentError, "cells normal, reduce"),
        ("darts", DARTS_V2.replace("reduce=", "normal="), DocumentError, "every field once"),
        ("darts", DARTS_V2.rstrip()[:-1], DocumentError, "got the end of the text"),
        ("darts", DARTS_V2 + "; print(1)", DocumentError, "got '; print"),
        ("darts", "Genotype(normal=__import__('os'))", DocumentError, r"expected '\['"),
        ("darts", "Genotype(normal=[('sep_conv_3x3', 0)])", SettingError, "cells"),
        ("darts", BEST, DocumentError, "normal, reduce by name and once"),
        ("darts-s2", DARTS_V2, UnknownNameError, "Known: sep_conv_3x3, skip_connect"),
    ],
)
def test_bad_text_says_what_is_wrong(space, text, error, message):
    with pytest.raises(error, match=message):
        create(space).parse(text)


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        [],
        "{",
        "[" * 100_000,
        {"space": "darts"},
        {"space": "darts", "cells": []},
        {"space": "darts", "cells": {}},
        {"space": "", "cells": {"a": [["x", 0, 1]]}},
        {"space": "x" * 101, "cells": {"a": [["x", 0, 1]]}},
        {"space": "s", "cells": {"a": "xyz"}},
        {"space": "s", "cells": {"a": None}},
        {"space": "s", "cells": {"a": [["x", 0]]}},
        {"space": "s", "cells": {"a": [["x", 1, 1]]}},
        {"space": "s", "cells": {"a": [["x", -1, 1]]}},
        {"space": "s", "cells": {"a": [["x", False, True]]}},
        {"space": "s", "cells": {"a": [["x", 0, 10**30]]}},
        {"space": "s", "cells": {"a": [["x", 0, 1.0]]}},
        {"space": "s", "cells": {"a": [["x|y~0", 0, 1]]}},
        {"space": "s", "cells": {"a": [["x", 0, 1], ["y", 0, 1]]}},
        {"space": "s", "cells": {"a": [["x", 0, 1], ["y", 0, 3]]}},
        {"space": "s", "cells": {"a": [[{}, 0, 1]]}},
        {"space": "s", "cells": {"a": [["x", 0, 1]]}, "more": 1},
    ],
)
def test_bad_json_is_refused(value):
    with pytest.raises((DocumentError, SettingError), match=r"expected .*; got"):
        Genotype.from_json(value)


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["space", "cells", "a"]), inner, max_size=3)
        ),
    )
)
def test_any_json_gives_a_genotype_or_our_error(value):
    try:
        genotype = Genotype.from_json(json.dumps(value))
    except SwarmNASError:
        return
    assert Genotype.from_json(genotype.to_json()) == genotype


TOKENS = re.findall(r"\w+|\W", DARTS_V2.strip()) + list("|~+") + ["٣", "\\", "9" * 6, "\0"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(TOKENS), max_size=40), st.integers(0, len(DARTS_V2)))
def test_any_text_gives_a_genotype_or_our_error(tokens, cut):
    for text in ("".join(tokens), DARTS_V2[:cut] + "".join(tokens) + DARTS_V2[cut:]):
        for space in map(create, ("darts", "nasbench201")):
            try:
                genotype = space.parse(text)
            except SwarmNASError:
                continue
            assert space.parse(genotype.to_text()) == genotype


def test_genotypes_of_other_spaces_are_refused():
    genotype = named_genotype("DARTS_V1")
    with pytest.raises(SettingError, match=r"one of the space 'nasbench201'.*got space 'darts'"):
        create("nasbench201").encode(genotype)
    with pytest.raises(UnknownNameError, match="Did you mean 'normal'"):
        genotype.choices("norma")
