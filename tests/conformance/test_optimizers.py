"""Every registered optimizer keeps the contract."""

import functools

import pytest

from swarmnas.optimizers import create, optimizers
from swarmnas.testing import OptimizerContract


# Of nevergrad's hundreds, one of each kind that runs on current NumPy.
NEVERGRAD = ("CMA", "DE", "OnePlusOne", "PSO", "TBPSA", "TwoPointsDE")
NAMES = [*optimizers, *(f"nevergrad:{name}" for name in NEVERGRAD)]


class TestRegisteredOptimizers(OptimizerContract):
    @pytest.fixture(params=NAMES)
    def make_optimizer(self, request):
        return functools.partial(create, request.param)
