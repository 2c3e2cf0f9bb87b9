"""Decoding against the published rules, written as loops, and the making of cells."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmnas.errors import SettingError, ShapeError, UnknownNameError
from swarmnas.spaces import (
    Adapter,
    Cell,
    CellSpace,
    Choice,
    ChoiceSpace,
    Genotype,
    available,
    create,
    named_genotype,
)

OPERATIONS = [
    *("none", "max_pool_3x3", "avg_pool_3x3", "skip_connect"),
    *("sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"),
]


def darts_rule(alphas, operations=OPERATIONS):
    """The published rule, edge by edge: two best edges a node by their best operation."""
    start, choices = 0, []
    for node in range(4):
        scores = []
        for source in range(node + 2):
            powers = [math.exp(logit) for logit in alphas[start + source]]
            open_ones = [
                (power / sum(powers), -column)
                for column, power in enumerate(powers)
                if operations[column] != "none"
            ]
            best, column = max(open_ones)
            scores.append((-best, source, operations[-column]))
        choices += [Choice(name, source, node + 2) for _, source, name in sorted(scores)[:2]]
        start += node + 2
    return tuple(sorted(choices, key=lambda choice: (choice.target, choice.source)))


def test_all_cells_of_nasbench201_go_there_and_back():
    space = create("nasbench201")
    columns = np.array(list(itertools.product(range(5), repeat=6)))
    genotypes = [space.genotype_of({"cell": row}) for row in columns]
    assert len(set(genotypes)) == 15_625
    alphas = np.stack([space.encode(genotype)["cell"] for genotype in genotypes])
    assert np.array_equal(space.decode_indices({"cell": alphas})["cell"], columns)
    texts = {genotype.to_text() for genotype in genotypes}
    assert len(texts) == 15_625
    assert all(space.decode(space.encode(genotype)) == genotype for genotype in genotypes[::97])
    assert all(space.parse(genotype.to_text()) == genotype for genotype in genotypes[::97])


def test_nasbench201_takes_none_where_it_is_largest():
    space = create("nasbench201")
    assert space.cells["cell"].edges == ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    alphas = np.zeros((6, 5))
    alphas[[0, 1, 2, 3, 4], [1, 2, 3, 4, 0]] = 0.1
    assert space.decode({"cell": alphas}).to_text() == (
        "|skip_connect~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|avg_pool_3x3~0|none~1|none~2|"
    )


def test_darts_keeps_the_two_edges_whose_best_operation_is_most_probable():
    alphas = np.zeros((14, 8))
    alphas[2, 4] = 1.0  # node 3: 0 -> 3
    alphas[3, 0] = 9.0  # 1 -> 3: `none` takes all the probability, so the edge is weak
    alphas[3, 5] = 8.0
    alphas[4, 3] = 0.5  # 2 -> 3
    genotype = create("darts").decode({"normal": alphas, "reduce": np.zeros((14, 8))})
    assert genotype.choices("normal") == (
        Choice("max_pool_3x3", 0, 2),
        Choice("max_pool_3x3", 1, 2),
        Choice("sep_conv_3x3", 0, 3),
        Choice("sep_conv_5x5", 1, 3),
        Choice("max_pool_3x3", 0, 4),
        Choice("max_pool_3x3", 1, 4),
        Choice("max_pool_3x3", 0, 5),
        Choice("max_pool_3x3", 1, 5),
    )
    alphas[3, 0] = 12.0  # now softmax of column 5 is 0.018 < 0.19
    genotype = create("darts").decode({"normal": alphas, "reduce": np.zeros((14, 8))})
    assert genotype.choices("normal")[2:4] == (
        Choice("sep_conv_3x3", 0, 3),
        Choice("skip_connect", 2, 3),
    )


@pytest.mark.parametrize("seed", range(5))
def test_darts_decodes_as_the_loops_do(seed):
    space = create("darts")
    alphas = np.random.default_rng(seed).normal(0, 2, (40, 14, 8))
    indices = space.decode_indices({"normal": alphas, "reduce": alphas[::-1]})
    for row in range(40):
        genotype = space.genotype_of({name: indices[name][row] for name in indices})
        assert genotype.choices("normal") == darts_rule(alphas[row])
        assert genotype.choices("reduce") == darts_rule(alphas[39 - row])


def test_s3_decodes_as_the_loops_do():
    space = create("darts-s3")
    alphas = np.random.default_rng(0).normal(0, 2, (14, 3))
    expected = darts_rule(alphas, ["none", "skip_connect", "sep_conv_3x3"])
    assert space.decode({"normal": alphas, "reduce": alphas}).choices("normal") == expected


def test_s1_has_its_own_operations_on_each_edge():
    space = create("darts-s1")
    assert space.alpha_shapes == {"normal": (14, 2), "reduce": (14, 2)}
    assert space.cells["normal"].operations_of(5) == ("max_pool_3x3", "skip_connect")
    assert space.cells["normal"].operations_of(13) == ("dil_conv_3x3", "dil_conv_5x5")
    assert space.cells["reduce"].operations_of(6) == ("max_pool_3x3", "sep_conv_3x3")
    assert create("darts-s4").cells["normal"].operations == ("noise", "sep_conv_3x3")


DARTS_CELLS = st.tuples(
    *(
        st.tuples(
            st.sampled_from(list(itertools.combinations(range(node), 2))),
            st.tuples(st.sampled_from(OPERATIONS[1:]), st.sampled_from(OPERATIONS[1:])),
        )
        for node in range(2, 6)
    )
).map(
    lambda nodes: tuple(
        Choice(name, source, target)
        for target, (sources, names) in enumerate(nodes, start=2)
        for source, name in zip(sources, names, strict=True)
    )
)


@settings(max_examples=50, deadline=None)
@given(DARTS_CELLS, DARTS_CELLS)
def test_any_darts_cell_goes_there_and_back(normal, reduce):
    space = create("darts")
    genotype = Genotype("darts", (("normal", normal), ("reduce", reduce)))
    assert space.decode(space.encode(genotype)) == genotype
    assert space.parse(genotype.to_text()) == genotype
    adapter = Adapter(space)
    position = adapter.to_position(space.encode(genotype))
    assert space.decode(adapter.to_alphas(position)) == genotype


@pytest.mark.parametrize("name", list(available()))
def test_torch_decodes_as_numpy_does(name):
    torch = pytest.importorskip("torch")
    space = create(name)
    rng = np.random.default_rng(1)
    alphas = {cell: rng.standard_normal((50, *s)) for cell, s in space.alpha_shapes.items()}
    tensors = {cell: torch.tensor(rows, requires_grad=True) for cell, rows in alphas.items()}
    here, there = space.decode_indices(alphas), space.decode_indices(tensors)
    for cell in here:
        assert here[cell].dtype == np.int64
        assert there[cell].dtype == torch.int64
        assert np.array_equal(here[cell], there[cell].numpy())
    one = torch.nn.ParameterDict({cell: rows.detach()[0] for cell, rows in tensors.items()})
    assert space.decode(one) == space.decode({cell: rows[0] for cell, rows in alphas.items()})


def test_random_genotypes_are_uniform():
    space = create("darts-s3")
    rng = np.random.default_rng(0)
    counts = dict.fromkeys(itertools.product(range(5), ("skip_connect", "sep_conv_3x3")), 0)
    draws = 400
    for _ in range(draws):
        for choice in space.random_genotype(rng).choices("normal")[6:]:
            counts[choice.source, choice.operation] += 1
    share = np.array(list(counts.values())) / draws  # each of 5 edges with 2/5, each name with 1/2
    assert np.abs(share - 0.2).max() < 4 * math.sqrt(0.2 * 0.8 / draws)


def test_unknown_space_names_the_nearest():
    with pytest.raises(
        UnknownNameError, match=r"space: unknown name 'dart'\. Did you mean 'darts'"
    ):
        create("dart")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_inputs": 0}, "num_inputs: expected an integer >= 1"),
        ({"num_nodes": 1}, "num_nodes: expected an integer >= 2"),
        ({"edges": []}, "an edge into every node"),
        ({"edges": [(0, 1), (0, 1)]}, "every edge once"),
        ({"edges": [(1, 0)]}, "edges: expected .* got \\(1, 0\\)"),
        ({"edges": [(0, 0)]}, "edges: expected .* got \\(0, 0\\)"),
        ({"edges": [(0, 9)]}, "edges: expected .* got \\(0, 9\\)"),
        ({"edges": [(0, 1)]}, r"none into \[2\]"),
        ({"operations": ()}, "operations: expected one or more"),
        ({"operations": "conv"}, "several names"),
        ({"operations": ("a", "a")}, "every name once"),
        ({"operations": ("a b",)}, "letters, digits"),
        ({"excluded": ("c",)}, "no c"),
        ({"excluded": ("a", "b")}, "operations: expected one or more for every edge"),
        ({"edge_operations": [("a",), ("a", "b")]}, "2 rows, one an edge, of one length"),
        ({"edge_operations": [("a", "b")]}, "2 rows, one an edge"),
        ({"edge_operations": [("a", "b"), ("a", "c")]}, "no c"),
        ({"edges_per_node": 0}, "edges_per_node: expected an integer >= 1"),
    ],
)
def test_a_cell_that_does_not_fit_together_says_why(change, message):
    parts = {"num_inputs": 1, "num_nodes": 3, "edges": [(0, 1), (1, 2)], "operations": ("a", "b")}
    with pytest.raises(SettingError, match=message):
        Cell(**{**parts, "output": "last", **change})


def test_edges_with_one_operation_cannot_compete():
    parts = {"num_inputs": 1, "num_nodes": 3, "edges": [(0, 1), (0, 2), (1, 2)], "output": "last"}
    with pytest.raises(SettingError, match="two or more operations an edge"):
        Cell(**parts, operations=("a",), edges_per_node=1)
    with pytest.raises(UnknownNameError, match="Did you mean 'last'"):
        Cell(**{**parts, "output": "lost"}, operations=("a",))


def test_layers_must_be_rectangular():
    with pytest.raises(SettingError, match="2 rows, one an edge, of one length"):
        ChoiceSpace("mine", layers=[("a", "b"), ("a",)])
    with pytest.raises(SettingError, match="num_nodes"):
        ChoiceSpace("mine", layers=[])


def test_a_space_needs_cells():
    with pytest.raises(SettingError, match="one or more Cell objects"):
        CellSpace("mine", {}, layout="chain")


@pytest.mark.parametrize("name", ["a-b", "1a", "a_concat", "", 3, "a" * 101])
def test_a_cell_is_named_by_an_identifier(name):
    cell = create("nasbench201").cells["cell"]
    with pytest.raises(SettingError, match=r"cell: expected .*; got"):
        CellSpace("mine", {name: cell}, layout="chain")


def test_the_longest_names_go_through_text():
    cell = Cell(
        num_inputs=2,
        num_nodes=3,
        edges=[(0, 2), (1, 2)],
        operations=("o" * 100, "a.b:c-d"),
        output="last",
    )
    space = CellSpace("mine", {"a" * 100: cell}, layout="chain")
    for columns in itertools.product(range(2), repeat=2):
        genotype = space.genotype_of({"a" * 100: columns})
        assert genotype.to_text().startswith("Genotype(aaa")
        assert space.parse(genotype.to_text()) == genotype


@pytest.mark.parametrize(
    ("row", "error", "message"),
    [
        ([0, 0, 0, 0, 0], ShapeError, r"integers of shape \(6,\)"),
        ([0, 0, 0, 0, 0, 5], SettingError, "columns in -1..4"),
        ([0, 0, 0, 0, 0, -2], SettingError, "columns in -1..4"),
        ([0, 0, 0, 0, 0, -1], SettingError, "node 3: expected 3 incoming edges; got 2"),
        ([0, 0, 0, 0, 0, 0.5], ShapeError, "integers"),
    ],
)
def test_columns_that_are_no_genotype_are_refused(row, error, message):
    with pytest.raises(error, match=message):
        create("nasbench201").genotype_of({"cell": row})


def test_excluded_operations_are_refused_everywhere():
    darts = create("darts")
    indices = darts.indices_of(named_genotype("DARTS_V1"))
    indices["normal"][indices["normal"] >= 0] = 0
    with pytest.raises(SettingError, match="got 'none'"):
        darts.genotype_of(indices)
