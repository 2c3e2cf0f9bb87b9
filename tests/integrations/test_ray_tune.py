"""SwarmSearch inside Ray Tune."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray.tune")
pytestmark = pytest.mark.filterwarnings("ignore")

from ray import tune  # noqa: E402
from ray.tune.search.sample import Quantized  # noqa: E402

from swarmnas.errors import SettingError, UnknownNameError  # noqa: E402
from swarmnas.integrations import SwarmSearch  # noqa: E402

SPACE = {"x": tune.uniform(-5, 5), "inner": {"y": tune.uniform(-5, 5)}}


def started(space=None, **given):
    search = SwarmSearch(**{"seed": 0, "population_size": 6, "method": "cso", **given})
    assert search.set_search_properties("loss", "min", space or SPACE)
    return search


def told(search, name, config):
    loss = (config["x"] - 1) ** 2 + (config["inner"]["y"] + 2) ** 2
    search.on_trial_complete(name, {"loss": loss})
    return loss


def test_a_generation_is_a_barrier_and_failed_trials_are_failed_rows():
    search = started()
    configs = {str(k): search.suggest(str(k)) for k in range(6)}
    assert search.suggest("6") is None
    search.on_trial_complete("3", error=True)
    search.on_trial_complete("4", {"loss": float("nan")})
    for name in ("5", "0", "2"):
        told(search, name, configs[name])
        assert search.suggest("6") is None
    told(search, "1", configs["1"])
    assert search.suggest("6") is not None


def test_no_worker_waits_for_stragglers():
    search = started(stragglers=2)
    configs = {str(k): search.suggest(str(k)) for k in range(6)}
    for name in ("5", "0", "2", "1"):
        told(search, name, configs[name])
    assert search.suggest("6") is not None


@pytest.mark.parametrize("before", [True, False])
def test_a_saved_search_continues_as_if_never_stopped(tmp_path, before):
    search = started()
    for k in range(20):
        told(search, str(k), search.suggest(str(k)))
    out = search.suggest("out")
    search.save(tmp_path / "state")
    json.loads((tmp_path / "state").read_text())  # plain data
    restored = SwarmSearch("cso", seed=0, population_size=6)
    if before:
        restored.restore(tmp_path / "state")
    restored.set_search_properties("loss", "min", SPACE)
    if not before:
        restored.restore(tmp_path / "state")
    assert told(search, "out", out) == told(restored, "out", out)
    for k in range(20):
        config = search.suggest(f"n{k}")
        assert restored.suggest(f"n{k}") == config
        told(search, f"n{k}", config)
        told(restored, f"n{k}", config)


@pytest.mark.parametrize(
    "domain",
    [
        tune.uniform(-2, 3),
        tune.loguniform(1e-4, 10),
        tune.quniform(0, 1, 0.25),
        tune.randint(-3, 5),
        tune.qrandint(2, 10, 2),
        tune.lograndint(1, 12),
        tune.choice(["a", "b", "c"]),
    ],
    ids=lambda domain: f"{type(domain).__name__} {domain.domain_str} {domain.get_sampler()}",
)
def test_random_search_sees_the_same_space_in_ray_and_in_our_swarm(domain):
    count = 400
    draws = np.random.RandomState(0)
    hosts = np.array([domain.sample(random_state=draws) for _ in range(count)])
    space = {"a": domain, "b": tune.uniform(0, 1)}
    search = started(space, method="random", population_size=count)
    ours = np.array([search.suggest(str(k))["a"] for k in range(count)])
    if hosts.dtype.kind == "U":
        assert set(ours) == set(hosts)
        return
    if isinstance(domain.get_sampler(), Quantized):
        assert domain.upper in ours  # as Ray documents
        if domain.upper not in hosts:
            pytest.skip("this Ray never draws the upper end that it documents")
    if hosts.dtype.kind == "i" or isinstance(domain.get_sampler(), Quantized):
        assert set(ours) == set(hosts)
    middle, spread = hosts.mean(), hosts.std()
    assert abs(ours.mean() - middle) < 4 * spread * np.sqrt(2 / count)
    assert 0.8 < ours.std() / spread < 1.25


def test_bad_input_is_one_line():
    with pytest.raises(UnknownNameError, match="Did you mean 'icso'"):
        SwarmSearch("icsoo", seed=0)
    for space, words in (
        ({"x": tune.grid_search([1, 2])}, "SwarmSearch, x: expected no grid; got one"),
        ({"x": tune.randn(0, 1)}, "SwarmSearch, x: expected a uniform .* got Float sampled by"),
        ({"x": tune.sample_from(lambda config: 1)}, "SwarmSearch, x: expected a uniform"),
        ({"x": tune.choice([1, 2])}, "SwarmSearch: expected a numeric domain; got none"),
    ):
        with pytest.raises(SettingError, match=words) as caught:
            started(space)
        assert "\n" not in str(caught.value)
    with pytest.raises(SettingError, match="a space; got none"):
        SwarmSearch(seed=0).suggest("0")


@pytest.mark.slow
def test_a_real_cluster_loses_a_trial_and_restores_the_experiment(tmp_path):
    script = Path(__file__).parent / "scripts" / "tune_and_restore.py"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script, tmp_path], capture_output=True, text=True,
        timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "10 1 10 0"
