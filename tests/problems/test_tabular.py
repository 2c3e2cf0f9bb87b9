"""The tabular problem: positions decode to cells of a table, validation column only."""

import numpy as np
import pytest

from swarmnas.errors import DataError, UnknownNameError
from swarmnas.problems import Table, tabular
from swarmnas.rng import generator
from swarmnas.spaces import Adapter, create

SPACE = create("nasbench201")
ADAPTER = Adapter(SPACE)


def small_table(count=40):
    rng = generator(5)
    archs = sorted({SPACE.random_genotype(rng).to_text() for _ in range(count)})
    valid = 10 + 80 * rng.random(len(archs))
    return Table(archs, {"c10_valid_200": valid, "c10_test_200": 100 - valid})


def problem_of(table, column="c10_valid_200"):
    return tabular(table, space=SPACE, adapter=ADAPTER, column=column)


def test_every_cell_of_the_table_gets_100_minus_its_validation_accuracy():
    table = small_table()
    problem = problem_of(table)
    alphas = [SPACE.encode(SPACE.parse(arch)) for arch in table.archs]
    rows = np.stack([ADAPTER.to_position(one) for one in alphas])
    assert problem(rows) == pytest.approx(100 - table.column("c10_valid_200"), rel=1e-12)
    assert [problem.describe(row) for row in rows] == list(table.archs)
    assert problem.minimum == pytest.approx(100 - table.column("c10_valid_200").max())
    assert problem(problem.minimiser[None])[0] == problem.minimum
    assert problem.choices == (5,) * 6


def test_a_cell_that_the_table_lacks_fails():
    problem = problem_of(small_table(3))
    losses = problem(generator(0).uniform(-3, 3, (100, 30)))
    assert np.isnan(losses).sum() > 90


def test_torch_rows():
    torch = pytest.importorskip("torch")
    problem = problem_of(small_table())
    rows = torch.from_numpy(problem.minimiser[None])
    assert problem(rows)[0].item() == problem.minimum


def test_test_columns_and_foreign_cells_are_refused():
    with pytest.raises(UnknownNameError, match="c10_valid_200"):
        problem_of(small_table(), "c10_test_200")
    with pytest.raises(DataError, match="nasbench201"):
        problem_of(Table(["|a~0|"], {"c10_valid_12": [1.0]}), "c10_valid_12")
