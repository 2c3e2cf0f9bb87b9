"""Every registered space, and one of each kind a user can make, keeps the contract."""

import pytest

from swarmnas.spaces import Cell, CellSpace, ChoiceSpace, available, create
from swarmnas.testing.spaces import SpaceContract


class TestRegisteredSpaces(SpaceContract):
    @pytest.fixture(params=list(available()))
    def space(self, request):
        return create(request.param)


class TestOwnCellSpace(SpaceContract):
    @pytest.fixture
    def space(self):
        wide = Cell(
            num_inputs=3,
            num_nodes=6,
            edges=[(0, 3), (1, 3), (2, 4), (3, 4), (0, 5), (2, 5), (3, 5), (4, 5)],
            operations=("zero", "conv", "pool"),
            output="concat",
            edges_per_node=3,
            excluded=("zero",),
        )
        thin = Cell(num_inputs=1, num_nodes=2, edges=[(0, 1)], operations=("a", "b"), output="last")
        return CellSpace("own", {"wide": wide, "thin": thin}, layout="somehow")


class TestOwnChoiceSpace(SpaceContract):
    @pytest.fixture
    def space(self):
        return ChoiceSpace(
            "mobile", layers=[("k3e3", "k5e3", "skip_connect")] * 3 + [("x", "y", "z")]
        )
