"""A search that takes seconds: few digits, a tiny supernet, a short policy."""

import json

import pytest

from swarmnas.search import SearchConfig

TINY = {
    "dataset": "digits",
    "train_images": 120,
    "epochs": 5,
    "channels": 2,
    "batch_size": 20,
    "population_size": 6,
    "threads": 1,
}


@pytest.fixture
def tiny():
    """Return a maker of tiny configurations: ``tiny(seed=1)``."""

    def make(**settings):
        return SearchConfig.from_mapping(TINY | settings)

    return make


@pytest.fixture
def story():
    """Return a reader of a run's history without its clocks."""

    def read(path):
        lines = (path / "history.jsonl").read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines]
        for record in records:
            record.pop("timing", None)
        return records

    return read
