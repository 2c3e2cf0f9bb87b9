"""The contract of spaces, for authors of spaces and for our own."""

from __future__ import annotations

import copy
import json
import math

import numpy as np
import pytest

from swarmnas.errors import SettingError, ShapeError
from swarmnas.rng import generator
from swarmnas.spaces import Adapter, Cell, CellSpace, Genotype, Space

__all__ = ["SpaceContract"]


class SpaceContract:
    """What every space does. Subclass it and override the fixture ``space``.

    Example:
        >>> class TestMine(SpaceContract):
        ...     @pytest.fixture
        ...     def space(self):
        ...         return CellSpace("mine", ..., layout="residual-stages")
    """

    @pytest.fixture
    def space(self) -> Space:
        """Return the space under test."""
        raise NotImplementedError("override the fixture `space`")

    @staticmethod
    def draw(space: Space, *batch: int, seed: int = 0) -> dict[str, np.ndarray]:
        """Return random alphas of the shapes ``(*batch, E, O)``."""
        rng = generator(seed)
        shapes = space.alpha_shapes.items()
        return {name: rng.standard_normal((*batch, *shape)) for name, shape in shapes}

    def test_alphas_are_one_row_an_edge_and_one_column_an_operation(self, space: Space) -> None:
        """The shapes follow from the cells."""
        assert space.num_dims == sum(map(math.prod, space.alpha_shapes.values()))
        assert set(space.cells) == set(space.alpha_shapes)
        for name, cell in space.cells.items():
            edges, operations = space.alpha_shapes[name]
            assert edges == len(cell.edges)
            rows = [cell.operations_of(edge) for edge in range(edges)]
            assert {len(row) for row in rows} == {operations}
            assert {operation for row in rows for operation in row} <= set(cell.operations)

    def test_is_data(self, space: Space) -> None:
        """A copy is equal, and what a caller does to a returned dict changes nothing."""
        twin = copy.deepcopy(space)
        twin.cells.clear()
        twin.alpha_shapes.clear()
        assert twin == space
        assert hash(twin) == hash(space)

    def test_decode_undoes_encode(self, space: Space) -> None:
        """``decode(encode(g)) == g``, and so for columns."""
        rng = generator(1)
        for _ in range(20):
            genotype = space.random_genotype(rng)
            assert space.decode(space.encode(genotype)) == genotype
            assert space.genotype_of(space.indices_of(genotype)) == genotype

    def test_genotypes_go_through_text_and_json(self, space: Space) -> None:
        """Text and JSON lose nothing; equal genotypes have equal hashes."""
        rng = generator(2)
        for _ in range(20):
            genotype = space.random_genotype(rng)
            text = json.dumps(genotype.to_json())
            assert space.parse(genotype.to_text()) == genotype
            assert Genotype.from_json(text) == genotype
            assert hash(Genotype.from_json(genotype.to_json())) == hash(genotype)

    def test_random_genotypes_follow_the_generator(self, space: Space) -> None:
        """The same stream gives the same genotypes."""
        one, two = generator(3), generator(3)
        first = [space.random_genotype(one) for _ in range(5)]
        assert first == [space.random_genotype(two) for _ in range(5)]

    def test_a_batch_decodes_as_its_rows_do(self, space: Space) -> None:
        """Leading axes are only looped over, and the input stays as it was."""
        alphas = self.draw(space, 3, 4)
        before = copy.deepcopy(alphas)
        indices = space.decode_indices(alphas)
        for place in np.ndindex(3, 4):
            one = {name: alphas[name][place] for name in alphas}
            row = {name: indices[name][place] for name in indices}
            assert space.decode(one) == space.genotype_of(row)
        assert all(np.array_equal(alphas[name], before[name]) for name in alphas)

    def test_a_constant_added_to_a_row_changes_nothing(self, space: Space) -> None:
        """Softmax does not see a row's mean, so decoding must not either."""
        alphas = self.draw(space, 20)
        moved = {name: rows + np.round(rows[..., :1] * 4) for name, rows in alphas.items()}
        one, two = space.decode_indices(alphas), space.decode_indices(moved)
        assert all(np.array_equal(one[name], two[name]) for name in one)

    def test_order_of_edges_and_operations_does_not_matter(self, space: Space) -> None:
        """Permuted edges and operations, and alphas alike, give the same genotypes."""
        rng = generator(4)
        alphas = self.draw(space, seed=5)
        cells, moved = {}, {}
        for name, cell in space.cells.items():
            edges, operations = cell.shape
            rows, columns = rng.permutation(edges), rng.permutation(operations)
            cells[name] = Cell(
                num_inputs=cell.num_inputs,
                num_nodes=cell.num_nodes,
                edges=tuple(cell.edges[row] for row in rows),
                operations=cell.operations,
                edge_operations=tuple(
                    tuple(cell.operations_of(int(row))[column] for column in columns)
                    for row in rows
                ),
                output=cell.output,
                edges_per_node=cell.edges_per_node,
                excluded=cell.excluded,
            )
            moved[name] = alphas[name][rows][:, columns]
        other = CellSpace(space.name, cells, layout=space.layout)
        assert other.decode(moved) == space.decode(alphas)

    def test_ties_go_to_the_lowest_column(self, space: Space) -> None:
        """Alphas that are all alike decode, each edge to the first operation it may take."""
        indices = space.decode_indices({n: np.zeros(s) for n, s in space.alpha_shapes.items()})
        for name, cell in space.cells.items():
            for edge, column in enumerate(indices[name]):
                names = cell.operations_of(edge)
                first = next(c for c, op in enumerate(names) if op not in cell.excluded)
                assert column in (-1, first)

    def test_refuses_what_does_not_fit(self, space: Space) -> None:
        """Wrong cells, shapes and NaN are errors, not genotypes."""
        alphas = self.draw(space)
        name = next(iter(alphas))
        with pytest.raises(ShapeError, match="alphas"):
            space.decode({**alphas, "no-such-cell": alphas[name]})
        with pytest.raises(ShapeError, match="alphas"):
            space.decode({**alphas, name: alphas[name][:, :-1]})
        with pytest.raises(ShapeError, match="indices"):
            space.decode(self.draw(space, 2))
        alphas[name][0, 0] = np.nan
        with pytest.raises(SettingError, match="NaN"):
            space.decode(alphas)

    def test_every_position_of_the_adapter_decodes(self, space: Space) -> None:
        """A particle anywhere in the box is a genotype, and comes back from its alphas."""
        adapter = Adapter(space)
        lower, upper = adapter.bounds
        positions = generator(6).uniform(lower, upper, (8, adapter.num_dims))
        alphas = adapter.to_alphas(positions)
        back = adapter.to_position(alphas)
        assert back.shape == positions.shape
        assert (back >= lower).all()
        assert (back <= upper).all()
        again = adapter.to_alphas(back)
        assert all(np.allclose(again[name], alphas[name], atol=1e-12) for name in alphas)
        assert set(space.decode_indices(alphas)) == set(space.cells)
