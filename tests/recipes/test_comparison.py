"""The comparison with random networks uses what the search used."""

import pytest
import torch

from swarmnas import search
from swarmnas.errors import RunError
from swarmnas.recipes import compare_with_random

TINY = {
    "dataset": "digits",
    "train_images": 120,
    "epochs": 3,
    "channels": 2,
    "batch_size": 20,
    "population_size": 6,
    "threads": 1,
}


def run(path, **settings):
    return search.run(search.SearchConfig.from_mapping(TINY | settings), out=path).path


def test_it_augments_as_the_search_did(tmp_path):
    rows = {
        augment: compare_with_random(run(tmp_path / augment, augment=augment), num_random=1)
        for augment in ("none", "crop")
    }
    randoms = [found[1] for found in rows.values()]
    assert randoms[0]["genotype"] == randoms[1]["genotype"]
    assert randoms[0]["test_loss"] != randoms[1]["test_loss"]


def test_loaders_of_a_callers_own_are_in_no_run(tmp_path):
    images = torch.randn(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    own = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(images, torch.arange(40) % 2), batch_size=20
    )
    config = search.SearchConfig.from_mapping(TINY | {"num_classes": 2})
    search.run(config, train=own, valid=own, out=tmp_path / "run")
    with pytest.raises(RunError, match="expected the search of a data set"):
        compare_with_random(tmp_path / "run")


def test_a_run_that_found_nothing_yet_says_how_to_go_on(tmp_path):
    path = run(tmp_path / "run")
    (path / "genotype.json").unlink()
    with pytest.raises(RunError, match="swarmnas search --resume"):
        compare_with_random(path)
