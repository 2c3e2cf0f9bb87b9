"""The optimizer of the how-to page keeps the contract that it points to."""

import functools
import runpy
from pathlib import Path

import pytest

from swarmnas.optimizers import create, optimizers
from swarmnas.testing import OptimizerContract

PATH = Path(__file__).parents[2] / "docs" / "examples" / "own_optimizer.py"


class TestBareBones(OptimizerContract):
    @pytest.fixture
    def make_optimizer(self, monkeypatch):
        own, load = runpy.run_path(str(PATH))["BareBonesSwarm"], optimizers.load
        monkeypatch.setattr(
            optimizers, "load", lambda name: own if name == own.name else load(name)
        )
        return functools.partial(create, own.name)
