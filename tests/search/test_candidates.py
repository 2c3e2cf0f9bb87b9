"""A genotype and its neighbours, trained briefly: what is tried, what wins, how it goes on."""

from functools import partial

import numpy as np
import pytest
import torch
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_post_hook

from swarmnas.networks import Network, cost_of
from swarmnas.runs import Callback, RunDirectory
from swarmnas.search import SearchConfig, resume, run
from swarmnas.search.candidates import climb, neighbours, train_candidate
from swarmnas.search.loaders import images_of
from swarmnas.spaces import create

SMALL = {
    "train_images": 120, "epochs": 4, "channels": 4, "batch_size": 20, "population_size": 6,
    "threads": 1, "candidates": 6,
}  # fmt: skip


def tried(path):
    return [r for r in RunDirectory.open(path).history() if r["kind"] == "candidate"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(SearchConfig(**SMALL), out=tmp_path_factory.mktemp("search") / "run")


def test_the_likely_come_first():
    space = create("nasbench201")
    alphas = np.tile([0.0, 0.0, 0.0, 3.0, 0.0], (6, 1))
    alphas[2, 1], alphas[5, 4] = 2.0, 1.0  # two edges are in doubt
    answer = space.decode({"cell": alphas})
    near = list(neighbours(space, answer, {"cell": alphas}))
    rows = [space.indices_of(genotype)["cell"].tolist() for genotype in near]
    assert rows[:2] == [[3, 3, 1, 3, 3, 3], [3, 3, 3, 3, 3, 4]]
    assert len(rows) == 24
    assert all(np.count_nonzero(np.array(row) != 3) == 1 for row in rows)


@pytest.mark.parametrize("name", ["darts", "darts-s2", "nasbench201"])
def test_neighbours_keep_the_edges_and_change_one_operation(name):
    space, rng = create(name), np.random.default_rng(1)
    alphas = {cell: rng.normal(0, 2, shape) for cell, shape in space.alpha_shapes.items()}
    answer = space.decode(alphas)
    near = list(neighbours(space, answer, alphas))
    assert len(near) == len(set(near)) > 0
    before = np.concatenate(list(space.indices_of(answer).values()))
    for genotype in near:
        assert space.parse(genotype.to_text()) == genotype
        after = np.concatenate(list(space.indices_of(genotype).values()))
        assert np.count_nonzero(before != after) == 1
        assert ((before >= 0) == (after >= 0)).all()


@pytest.mark.parametrize("name", ["darts-s2", "nasbench201"])
def test_where_edges_add_up_the_best_comes_soon_after_the_neighbours(name):
    space, rng = create(name), np.random.default_rng(3)
    alphas = {cell: rng.normal(size=shape) for cell, shape in space.alpha_shapes.items()}
    costs = {cell: rng.normal(size=shape) for cell, shape in space.alpha_shapes.items()}
    answer = space.decode(alphas)
    kept = space.indices_of(answer)

    def judge(genotypes):
        return [
            sum(
                costs[cell][edge, column]
                for cell, row in space.indices_of(genotype).items()
                for edge, column in enumerate(row)
                if column >= 0
            )
            for genotype in genotypes
        ]

    near = [answer, *neighbours(space, answer, alphas)]
    most = len(near) + 12
    scores = climb(space, [answer], alphas, judge, most=most)
    tried = list(scores)
    assert tried[: len(near)] == near
    assert len(tried) == most
    best = sum(
        costs[cell][edge].min() for cell, row in kept.items() for edge in np.flatnonzero(row >= 0)
    )
    of_near = min(scores[genotype] for genotype in near)
    assert best < of_near
    assert min(scores.values()) - best < 0.05 * (of_near - best)


def test_the_best_of_several_starts_has_its_neighbours_tried():
    space = create("nasbench201")
    alphas = {"cell": np.zeros((6, 5))}
    poor, good = (space.genotype_of({"cell": np.full(6, column)}) for column in (1, 3))

    def judge(genotypes):
        return [-float(one.count("nor_conv_3x3")) for one in genotypes]

    tried = list(climb(space, [poor, good, poor], alphas, judge, most=26))
    assert tried == [poor, good, *neighbours(space, good, alphas)]


def test_no_more_are_judged_than_allowed_and_asked_for():
    space = create("nasbench201")
    alphas = {"cell": np.zeros((6, 5))}
    answer = space.genotype_of({"cell": np.full(6, 3)})
    asked = []

    def judge(genotypes):
        asked.extend(genotypes)
        return [np.inf if "none" in one.to_text() else 1.0 for one in genotypes]

    few = climb(space, [answer], alphas, judge, most=7)
    assert list(few) == asked == [answer, *neighbours(space, answer, alphas)][:7]
    asked.clear()
    allowed = climb(
        space, [answer], alphas, judge, most=10**6, allowed=lambda one: one.count("none") == 1
    )
    assert list(allowed) == asked
    assert all(genotype.count("none") == 1 for genotype in asked)
    assert len(asked) == len(set(asked)) > 6  # each diverged, so neighbours of neighbours follow
    assert climb(space, [answer], alphas, judge, most=9, allowed=lambda one: False) == {}


def test_the_best_three_are_trained_thrice_as_long_and_decide(whole):
    records = tried(whole.path)
    first, last = records[:6], records[6:]
    assert [record["trained_epochs"] for record in records] == [1] * 6 + [3] * 3
    assert len({record["genotype"] for record in first}) == 6
    assert first[0]["genotype"] == whole.signals.genotype  # the read-out is tried first
    assert "candidate 6 of 6 (epochs of training: 1)" in first[-1]["reason"]
    by_loss = sorted(first, key=lambda record: record["valid_loss"])
    assert [r["genotype"] for r in last] == [r["genotype"] for r in by_loss[:3]]
    best = min(last, key=lambda record: record["valid_loss"])
    assert whole.genotype.to_text() == best["genotype"]


@pytest.mark.parametrize(("where", "left"), [("candidate 2 of 6", 8), ("candidate 2 of 3", 2)])
def test_interrupted_among_its_candidates_it_goes_on(whole, tmp_path, where, left):
    class Interrupts(Callback):
        def on_record(self, record):
            if where in record.get("reason", ""):
                raise KeyboardInterrupt

    class Counts(Callback):
        records = 0

        def on_record(self, record):
            self.records += 1

    with pytest.raises(KeyboardInterrupt):
        run(SearchConfig(**SMALL), out=tmp_path / "run", callbacks=[Interrupts()])
    told = Counts()
    assert resume(tmp_path / "run", callbacks=[told]).genotype == whole.genotype
    assert told.records == left  # the second again, and what follows
    assert tried(tmp_path / "run") == tried(whole.path)
    assert resume(tmp_path / "run", callbacks=[told]).genotype == whole.genotype
    assert told.records == left  # a finished search tries none again


def test_what_candidates_draw_depends_on_the_seed_alone(tmp_path):
    config = SearchConfig(**SMALL | {"space": "darts-s4", "cells": 3, "candidates": 2})
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        run(config, out=tmp_path / str(global_seed))
    records = tried(tmp_path / "1")
    assert any("noise" in record["genotype"] for record in records)
    assert records == tried(tmp_path / "2")


def counted(config, path):
    """Return what candidates of two searches came to, and the steps of their trainings."""
    steps = []
    hook = register_optimizer_step_post_hook(lambda *_: steps.append(1))
    try:
        run(config.model_copy(update={"candidates": 0}), out=path / "without")
        before = len(steps)
        run(config, out=path / "with")
    finally:
        hook.remove()
    return tried(path / "with"), len(steps) - 2 * before


def test_their_steps_may_be_smaller_and_their_trainings_parts_of_an_epoch(tmp_path):
    config = SearchConfig(**SMALL | {"candidates": 1})  # three batches of 20 an epoch
    whole, steps = counted(config, tmp_path / "whole")
    assert steps == 3
    same = config.model_copy(update={"candidate_batch_size": 20})
    assert counted(same, tmp_path / "same") == (whole, 3)
    smaller = {"candidate_batch_size": 6, "candidate_epochs": 0.4}
    (other,), steps = counted(config.model_copy(update=smaller), tmp_path / "smaller")
    assert steps == 5  # of 12 pieces, four of 5 images of each batch
    assert other["trained_epochs"] == 0.4
    assert other["valid_loss"] != whole[0]["valid_loss"]


@pytest.mark.parametrize(("size", "pieces"), [(19, [10, 10]), (6, [5, 5, 5, 5]), (20, [20])])
def test_their_steps_are_alike_in_size(size, pieces):
    space, cpu, seen = create("nasbench201"), torch.device("cpu"), []
    config = SearchConfig(candidate_batch_size=size, **SMALL)
    images = images_of(config, cpu)
    hook = register_module_forward_pre_hook(
        lambda module, given: seen.append(len(given[0])) if isinstance(module, Network) else None
    )
    try:
        genotype = space.random_genotype(np.random.default_rng(0))
        valid = partial(iter, images.valid)
        train_candidate(genotype, space, config, images, valid, epochs=1, device=cpu)
    finally:
        hook.remove()
    assert seen[: 3 * len(pieces)] == pieces * 3  # then come those that judge


def test_a_bonus_for_size_prefers_the_largest(tmp_path):
    found = run(SearchConfig(candidate_size_bonus=1e3, **SMALL), out=tmp_path / "run")
    records = tried(found.path)
    sizes = [record["parameters"] for record in records]
    assert len(set(sizes)) > 1
    assert sizes[6:] == sorted(sizes[:6], reverse=True)[:3]
    assert found.genotype.to_text() in {
        record["genotype"] for record in records if record["parameters"] == max(sizes)
    }


def test_operations_behind_a_node_without_input_add_nothing_to_the_size():
    space, cpu = create("nasbench201"), torch.device("cpu")
    config = SearchConfig(**SMALL)
    images = images_of(config, cpu)

    def size(columns):
        genotype = space.genotype_of({"cell": np.array(columns)})
        valid = partial(iter, images.valid)
        return train_candidate(
            genotype, space, config, images, valid, epochs=1, device=cpu
        ).parameters

    bare, dead, alive = size([0, 3, 0, 3, 0, 3]), size([0, 3, 3, 3, 3, 3]), size([3] * 6)
    convolution = 9 * 4 * 4 + 9 * 8 * 8 + 9 * 16 * 16  # a stage each, of 4, 8 and 16 channels
    shifts = 4 + 8 + 16  # the normalisation of nothing still has one
    assert dead - bare == 2 * shifts
    assert alive - bare == 3 * (convolution + 2 * shifts)


def test_candidates_keep_within_the_limits(whole, tmp_path):
    space, sizes = create("nasbench201"), {"num_classes": 10, "in_channels": 1, "channels": 4}
    sizes |= {"cells": 1, "image_size": 8}
    costs = [cost_of(space, space.parse(r["genotype"]), **sizes) for r in tried(whole.path)]
    most = min(cost.parameters for cost in costs)
    config = SearchConfig(max_parameters=most, **SMALL)
    found = run(config, out=tmp_path / "run")
    for record in tried(found.path):
        assert cost_of(space, space.parse(record["genotype"]), **sizes).parameters <= most
