"""Several searches, one answer."""

import json

import pytest

from swarmnas.errors import RunError
from swarmnas.recipes import search_and_select
from swarmnas.search import SearchConfig
from swarmnas.spaces import read_genotype
from swarmnas.training import load_protocol

CONFIG = SearchConfig(
    train_images=120, epochs=5, channels=2, batch_size=20, population_size=6, threads=1, seed=3
)
BRIEF = load_protocol("quick").with_settings(
    {"epochs": 1, "train_images": 120, "batch_size": 20, "channels": 2}
)


def test_candidates_are_ordered_by_validation_and_written_down(tmp_path):
    told = []
    found = search_and_select(CONFIG, seeds=2, out=tmp_path, protocol=BRIEF, told=told.append)
    assert sorted(told, key=lambda one: (-one.valid_accuracy, one.valid_loss)) == found
    names = {search.path.name for candidate in found for search in candidate.searches}
    assert names == {"seed3", "seed4"}
    written = json.loads((tmp_path / "selection.json").read_text(encoding="utf-8"))
    accuracies = [row["valid_accuracy"] for row in written["candidates"]]
    assert accuracies == sorted(accuracies, reverse=True) == [c.valid_accuracy for c in found]
    assert written["protocol"]["valid_share"] == 0.25
    assert read_genotype(str(tmp_path / "selection.json")) == found[0].genotype
    # The same call again finds the searches finished; other settings are refused.
    assert search_and_select(CONFIG, seeds=2, out=tmp_path, protocol=BRIEF)[0] == found[0]
    other = CONFIG.model_copy(update={"channels": 4})
    with pytest.raises(RunError, match="expected a search of these settings; got one of others"):
        search_and_select(other, seeds=2, out=tmp_path, protocol=BRIEF)
