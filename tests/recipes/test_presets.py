"""Every preset searches, cut down to two minutes."""

import pytest

from swarmnas import search, spaces
from swarmnas.recipes import load_preset, presets
from tests.shared_data import shared_file

CUT = {
    "train_images": 160, "valid_images": 64, "batch_size": 32, "epochs": 4, "population_size": 4,
    "threads": 2,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", presets)
def test_it_searches_to_its_end(name, tmp_path):
    settings = load_preset(name) | CUT
    settings["candidates"] = min(2, settings.get("candidates", 0))
    if settings["dataset"] == "cifar10":
        settings["dataset"] = str(shared_file("cifar10.npz"))
    result = search.run(search.SearchConfig.from_mapping(settings), out=tmp_path / "run")
    assert [phase.name for phase in result.phases] == ["warm-up", "exploration", "stability"]
    space = spaces.create(settings["space"])
    assert space.parse(result.genotype.to_text()) == result.genotype
