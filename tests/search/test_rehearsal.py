"""A dry run: what a search would take."""

import pytest

from swarmnas.errors import DataError
from swarmnas.search import rehearse


@pytest.mark.parametrize("policy", ["g-icso-nas", "alternate"])
def test_it_times_every_phase_and_leaves_nothing(tiny, tmp_path, monkeypatch, policy):
    monkeypatch.chdir(tmp_path)
    config = tiny(policy=policy, population_size=4, batch_size=10)
    found = rehearse(config, steps=3)
    assert sum(phase.epochs for phase in found.phases) == config.epochs
    assert all(phase.steps == 6 for phase in found.phases)  # 60 training images
    for phase in found.phases:
        assert phase.epoch_seconds > 6 * phase.step_seconds > 0
    seconds = sum(phase.epochs * phase.epoch_seconds for phase in found.phases)
    assert found.hours == pytest.approx(seconds / 3600)
    assert found.device.startswith("CPU, 1 thread")
    assert found.memory is None or found.memory > 2**20
    assert list(tmp_path.iterdir()) == []


def test_it_refuses_what_the_search_would_refuse(tiny):
    with pytest.raises(DataError, match="at least one batch of 300"):
        rehearse(tiny(batch_size=300))
