"""The supernet's ranking of cells against known figures."""

import numpy as np
import pytest
import torch

from swarmnas import rng
from swarmnas.errors import RunError, SettingError, UnknownNameError
from swarmnas.networks.state import load_module
from swarmnas.runs import RunDirectory
from swarmnas.search import SearchConfig, rank_cells, run
from swarmnas.search.building import build_supernet
from swarmnas.search.loaders import Endless, images_of
from swarmnas.spaces import create


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    config = SearchConfig(
        dataset="digits", train_images=120, epochs=3, channels=2, batch_size=20, threads=1,
        policy="swarm-only", population_size=4,
    )  # fmt: skip
    return run(config, out=tmp_path_factory.mktemp("ranking") / "run").path


@pytest.fixture(scope="module")
def cells():
    space, draws = create("nasbench201"), rng.generator(0)
    return sorted({space.random_genotype(draws).to_text() for _ in range(12)})


def ranked(path, known, **settings):
    return list(rank_cells(path, known, num_cells=len(known), num_images=40, **settings))


def test_figures_in_the_order_of_the_losses_correlate_fully(searched, cells):
    last = ranked(searched, dict.fromkeys(cells, 0.0) | {cells[0]: 1.0})[-1]
    losses = dict(zip(last.cells, last.losses, strict=True))
    assert ranked(searched, {c: -loss for c, loss in losses.items()})[-1].correlation == 1
    assert ranked(searched, dict(losses))[-1].correlation == pytest.approx(-1)


def test_there_is_a_ranking_for_each_checkpoint(searched, cells):
    known = {cell: float(at) for at, cell in enumerate(cells)}
    found = ranked(searched, known)
    assert [ranking.epoch for ranking in found] == [2, 3]
    assert not np.array_equal(found[0].losses, found[1].losses)
    for ranking in found:
        assert set(ranking.cells) == set(cells)
        np.testing.assert_array_equal(ranking.known, [known[cell] for cell in ranking.cells])


def test_it_repeats_and_draws_by_its_seed(searched, cells):
    known = {cell: float(at) for at, cell in enumerate(cells)}
    first, again, other = (
        list(rank_cells(searched, known, num_cells=5, num_images=40, seed=seed))[-1]
        for seed in (0, 0, 1)
    )
    assert first.cells == again.cells
    np.testing.assert_array_equal(first.losses, again.losses)
    assert set(first.cells) != set(other.cells)


def test_wrong_input_is_named(searched, cells, tmp_path):
    with pytest.raises(SettingError, match="two cells or more"):
        list(rank_cells(searched, {cells[0]: 1.0}))
    with pytest.raises(UnknownNameError):
        ranked(searched, {"|conv~0|": 1.0, cells[0]: 0.0})
    RunDirectory.create(tmp_path / "other", config={"bench": {}})
    with pytest.raises(RunError, match="a search"):
        list(rank_cells(tmp_path / "other", {cells[0]: 1.0, cells[1]: 0.0}))


def test_ablated_cells_are_judged_by_the_mixture_without_them(searched, cells):
    space, directory = create("nasbench201"), RunDirectory.open(searched)
    found = ranked(searched, {cell: float(at) for at, cell in enumerate(cells)}, ablated=True)[0]
    checkpoint = directory.load_checkpoint(found.epoch)
    origin = checkpoint.state["drivers"]["swarm"]["origin"]["centre"]["cell"]
    config = SearchConfig.from_mapping(directory.config["search"])
    loaders = images_of(config, torch.device("cpu"))
    images, labels = Endless(loaders.valid, 0, torch.device("cpu")).take(40)
    supernet = build_supernet(config, space, loaders)
    load_module(supernet, checkpoint.arrays)
    for cell, loss in zip(found.cells[:3], found.losses, strict=False):
        left = torch.softmax(torch.as_tensor(origin, dtype=torch.float32), -1)
        left[range(6), space.indices_of(space.parse(cell))["cell"]] = 0
        left /= left.sum(-1, keepdim=True)
        logits = supernet(images, mixing={"cell": left})
        expected = torch.nn.functional.cross_entropy(logits, labels).item()
        assert loss == pytest.approx(-expected, rel=1e-5)
