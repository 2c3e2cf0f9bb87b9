"""Options of the supernet in a search: what they change, over which course, and that it resumes."""

import pytest
import torch

from swarmnas import search
from swarmnas.runs import Callback
from swarmnas.search.building import build_supernet

EVERY = {"partial_channels": 2, "auxiliary_skip": True, "drop_path": 0.6}
ALONE = {"policy": "darts", "population_size": None}


class Readings(Callback):
    """What the supernet is set to in each step and at the end of each epoch."""

    def __init__(self, monkeypatch):
        self.steps, self.modes = {}, set()

        def built(*arguments):
            self.net = build_supernet(*arguments)
            return self.net

        monkeypatch.setattr("swarmnas.search.loop.build_supernet", built)

    def on_step(self, progress):
        reading = self.net.auxiliary_weight, self.net.drop_path, self.net.training
        self.steps.setdefault(progress["epoch"], set()).add(reading)

    def on_record(self, record):
        if record["kind"] == "epoch":
            self.modes.add(self.net.training)


def test_skips_fade_and_paths_drop_over_the_epochs(tiny, tmp_path, monkeypatch):
    readings, config = Readings(monkeypatch), tiny(**ALONE, epochs=3, **EVERY)
    search.run(config, out=tmp_path / "run", callbacks=[readings])
    assert readings.steps == {
        1: {(1.0, 0.0, True)},
        2: {(0.5, 0.3, True)},
        3: {(0.0, 0.6, True)},
    }
    assert readings.modes == {False}  # validation drops nothing


@pytest.mark.parametrize("settings", [EVERY, {"space": "darts-s4", "cells": 3}])
def test_what_torch_draws_is_drawn_again_after_an_interruption(
    tiny, story, tmp_path, interrupt, settings
):
    config = tiny(epochs=3, **settings)
    whole = search.run(config, out=tmp_path / "whole")
    torch.manual_seed(1)  # whatever the process drew before
    state = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt):
        search.run(config, out=tmp_path / "broken", callbacks=[interrupt(3, 2)])
    resumed = search.resume(tmp_path / "broken")
    assert story(tmp_path / "broken") == story(tmp_path / "whole")
    assert resumed.genotype == whole.genotype
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("option", [*EVERY, "precision"])
def test_each_option_changes_a_search(tiny, tmp_path, option):
    settings = (EVERY | {"precision": "bfloat16"})[option]
    plain, other = (
        search.run(tiny(**ALONE, epochs=2, **given), out=tmp_path / str(len(given)))
        for given in ({}, {option: settings})
    )
    assert plain.signals.valid_loss != other.signals.valid_loss
    assert other.signals.valid_loss == pytest.approx(plain.signals.valid_loss, rel=0.3)
