"""Every registered optimizer keeps the contract."""

import functools

import pytest

from swarmnas.optimizers import available, create
from swarmnas.testing import OptimizerContract


class TestRegisteredOptimizers(OptimizerContract):
    @pytest.fixture(params=sorted(available()))
    def make_optimizer(self, request):
        return functools.partial(create, request.param)
