"""What a search may find at most, and what it visited."""

import json

import numpy as np
import pytest

from swarmnas.errors import RunError, SettingError, SwarmNASWarning
from swarmnas.networks import cost_of, costs_of
from swarmnas.search import SearchConfig, run, visited_genotypes
from swarmnas.search.limits import Limits
from swarmnas.search.pareto import not_dominated
from swarmnas.spaces import create

SPACE = create("nasbench201")
NOTHING = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
SMALL = {
    "train_images": 120, "epochs": 6, "channels": 4, "batch_size": 20, "population_size": 6,
    "threads": 1,
}  # fmt: skip
SIZES = {"num_classes": 10, "in_channels": 1, "channels": 4, "cells": 1, "image_size": 8}


@pytest.mark.parametrize("name", ["nasbench201", "darts"])
def test_costs_of_many_are_the_costs_of_each(name):
    space, rng = create(name), np.random.default_rng(0)
    genotypes = [space.random_genotype(rng) for _ in range(5)]
    rows = [space.indices_of(genotype) for genotype in genotypes]
    columns = {cell: np.stack([row[cell] for row in rows]) for cell in space.alpha_shapes}
    sizes = SIZES | {"cells": 3}
    each = [cost_of(space, genotype, **sizes) for genotype in genotypes]
    assert costs_of(space, columns, **sizes).tolist() == [list(cost) for cost in each]


def test_violations_are_shares_of_the_limits_added_up():
    cell = SPACE.genotype_of({"cell": [3] * 6})  # 3x3 convolutions throughout
    cost = cost_of(SPACE, cell, **SIZES)
    most = cost.parameters * 9 // 10
    limits = Limits(SPACE, parameters=most, flops=cost.flops, **SIZES)
    columns = {name: row[None] for name, row in SPACE.indices_of(cell).items()}
    expected = cost.parameters / most - 1
    assert limits.violations(columns) == pytest.approx([expected])
    assert not limits.allow(cell)
    assert Limits(SPACE, flops=cost.flops, **SIZES).allow(cell)
    assert not Limits(SPACE, **SIZES).any


def test_a_swarm_ends_within_its_limits(tmp_path):
    free = run(SearchConfig(**SMALL), out=tmp_path / "free")
    most = cost_of(SPACE, free.genotype, **SIZES).parameters - 1
    bound = run(SearchConfig(max_parameters=most, **SMALL), out=tmp_path / "bound")
    assert cost_of(SPACE, bound.genotype, **SIZES).parameters <= most


def test_limits_that_nothing_keeps_are_refused(tmp_path):
    with pytest.raises(SettingError, match=r"max_parameters: expected at least [\d,]+, which the"):
        run(SearchConfig(max_parameters=1, **SMALL), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_limits_that_a_gradient_does_not_keep_are_warned_of_and_on_record(tmp_path):
    gradient = {name: value for name, value in SMALL.items() if name != "population_size"}
    least = 1 + cost_of(SPACE, SPACE.parse(NOTHING), **SIZES).parameters
    settings = SearchConfig(policy="darts", max_parameters=least, **gradient)
    with pytest.warns(SwarmNASWarning, match="limits: no epoch's genotype keeps within them"):
        result = run(settings, out=tmp_path / "run")
    written = json.loads((result.path / "genotype.json").read_text(encoding="utf-8"))
    assert written["found"]["within_limits"] is False


def test_an_optimizer_without_constraints_is_refused(tmp_path):
    settings = SearchConfig(max_flops=10**9, optimizer="nevergrad:DE", **SMALL)
    with pytest.raises(SettingError, match="optimizer: expected one that takes constraint viol"):
        run(settings, out=tmp_path / "run")


def test_not_dominated_by_hand():
    rows = np.array([[1.0, 9.0], [2.0, 2.0], [3.0, 2.0], [9.0, 1.0], [np.nan, 0.5], [2.0, 3.0]])
    assert not_dominated(rows).tolist() == [True, True, False, True, True, False]


def test_visited_genotypes_have_costs_and_a_front(tmp_path):
    result = run(SearchConfig(**SMALL), out=tmp_path / "run")
    rows = visited_genotypes(result.path, num_images=40)
    texts = [row.genotype for row in rows]
    assert len(set(texts)) == len(texts)
    assert result.genotype.to_text() in texts
    assert [row.loss for row in rows] == sorted(row.loss for row in rows)
    assert rows[0].on_front
    for row in rows:
        assert (row.parameters, row.flops) == cost_of(SPACE, SPACE.parse(row.genotype), **SIZES)
        beaten = [
            other
            for other in rows
            if (other.loss, other.parameters, other.flops) != (row.loss, row.parameters, row.flops)
            and other.loss <= row.loss
            and other.parameters <= row.parameters
            and other.flops <= row.flops
        ]
        assert row.on_front == (not beaten)
        assert row.latency is None
    timed = visited_genotypes(result.path, num_images=40, device="cpu")
    assert [row.genotype for row in timed] == texts
    assert all(0 < row.latency < 1 for row in timed)
    assert min(timed, key=lambda row: row.latency).on_front
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match="expected a run directory"):
        visited_genotypes(tmp_path / "empty")
