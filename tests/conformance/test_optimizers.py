"""Every registered optimizer keeps the contract."""

import functools

import pytest

from swarmnas.optimizers import create, optimizers
from swarmnas.testing import OptimizerContract

# Of nevergrad's hundreds, one of each kind; they are slow, so two of them stand for the rest.
QUICK, SLOW = ("DE", "OnePlusOne"), ("CMA", "PSO", "TBPSA", "TwoPointsDE")
NAMES = [
    *optimizers,
    *(f"nevergrad:{name}" for name in QUICK),
    *(pytest.param(f"nevergrad:{name}", marks=pytest.mark.slow) for name in SLOW),
]


class TestRegisteredOptimizers(OptimizerContract):
    @pytest.fixture(params=NAMES)
    def make_optimizer(self, request):
        return functools.partial(create, request.param)
