"""A search that takes seconds: few digits, a tiny supernet, a short policy."""

import json

import pytest

from swarmnas.runs import Callback
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


class Interrupt(Callback):
    """Ctrl-C at a given step of a given epoch."""

    def __init__(self, epoch, step):
        self._when = (epoch, step)

    def on_step(self, progress):
        if (progress["epoch"], progress["step"]) == self._when:
            raise KeyboardInterrupt


@pytest.fixture
def interrupt():
    """Return a maker of callbacks that interrupt: ``interrupt(epoch=2, step=1)``."""
    return Interrupt


@pytest.fixture
def tiny():
    """Return a maker of tiny configurations: ``tiny(seed=1)``."""

    def make(**settings):
        given = TINY | settings
        return SearchConfig.from_mapping({k: v for k, v in given.items() if v is not None})

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
