"""Optuna's own test suite for samplers, over ours."""

import functools

import pytest

optuna = pytest.importorskip("optuna")
shipped = pytest.importorskip("optuna.testing.pytest_samplers")

from swarmnas.integrations import SwarmSampler  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


class TestSwarmSampler(
    shipped.BasicSamplerTestCase,
    shipped.RelativeSamplerTestCase,
    shipped.SingleOnlySamplerTestCase,
):
    @pytest.fixture(params=["icso", "pso"])
    def sampler(self, request):
        return functools.partial(SwarmSampler, request.param, seed=0)
