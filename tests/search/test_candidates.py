"""Likely genotypes, trained briefly: which are tried, which one wins, and where it goes on."""

import itertools

import numpy as np
import pytest

from swarmnas.networks import cost_of
from swarmnas.runs import Callback, RunDirectory
from swarmnas.search import SearchConfig, resume, run
from swarmnas.search.candidates import likeliest
from swarmnas.spaces import create

SMALL = {
    "train_images": 120, "epochs": 4, "channels": 4, "batch_size": 20, "population_size": 6,
    "threads": 1, "candidates": 3, "candidate_epochs": 1,
}  # fmt: skip


def tried(path):
    return [r for r in RunDirectory.open(path).history() if r["kind"] == "candidate"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(SearchConfig(**SMALL), out=tmp_path_factory.mktemp("search") / "run")


def test_the_likely_come_first():
    space = create("nasbench201")
    chances = np.full((6, 5), 0.01)
    chances[:, 3] = 0.96
    chances[2] = [0.01, 0.35, 0.01, 0.62, 0.01]  # one edge is in doubt
    first, second, third = itertools.islice(
        likeliest(space, {"cell": np.log(chances)}, rng=np.random.default_rng(0)), 3
    )
    rows = [space.indices_of(genotype)["cell"].tolist() for genotype in (first, second)]
    assert rows == [[3] * 6, [3, 3, 1, 3, 3, 3]]
    assert third not in (first, second)


@pytest.mark.parametrize("name", ["darts", "nasbench201"])
def test_none_comes_twice_and_all_are_of_the_space(name):
    space, rng = create(name), np.random.default_rng(1)
    alphas = {cell: rng.normal(0, 2, shape) for cell, shape in space.alpha_shapes.items()}
    found = list(likeliest(space, alphas, rng=rng))
    assert len(found) == len(set(found)) > 10
    assert all(space.parse(genotype.to_text()) == genotype for genotype in found[:10])


def test_the_least_loss_wins_and_all_are_on_record(whole):
    records = tried(whole.path)
    assert len(records) == len({record["genotype"] for record in records}) == 3
    best = min(records, key=lambda record: record["valid_loss"])
    assert whole.genotype.to_text() == best["genotype"]
    assert "candidate 3 of 3" in records[-1]["reason"]
    assert records[0]["genotype"] == whole.signals.genotype  # the read-out is tried first


def test_interrupted_among_its_candidates_it_goes_on(whole, tmp_path):
    class Interrupts(Callback):
        def on_record(self, record):
            if "candidate 2" in record.get("reason", ""):
                raise KeyboardInterrupt

    class Counts(Callback):
        records = 0

        def on_record(self, record):
            self.records += 1

    with pytest.raises(KeyboardInterrupt):
        run(SearchConfig(**SMALL), out=tmp_path / "run", callbacks=[Interrupts()])
    told = Counts()
    assert resume(tmp_path / "run", callbacks=[told]).genotype == whole.genotype
    assert told.records == 2  # the second again, and the third
    assert tried(tmp_path / "run") == tried(whole.path)
    assert resume(tmp_path / "run", callbacks=[told]).genotype == whole.genotype
    assert told.records == 2  # a finished search tries none again


def test_candidates_keep_within_the_limits(whole, tmp_path):
    space, sizes = create("nasbench201"), {"num_classes": 10, "in_channels": 1, "channels": 4}
    sizes |= {"cells": 1, "image_size": 8}
    costs = [cost_of(space, space.parse(r["genotype"]), **sizes) for r in tried(whole.path)]
    most = min(cost.parameters for cost in costs)
    config = SearchConfig(max_parameters=most, **SMALL)
    found = run(config, out=tmp_path / "run")
    for record in tried(found.path):
        assert cost_of(space, space.parse(record["genotype"]), **sizes).parameters <= most
