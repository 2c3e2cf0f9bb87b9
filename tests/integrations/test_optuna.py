"""SwarmSampler: one swarm, whoever runs its trials and in whatever order they end."""

import logging
import math
import os
import pickle
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

optuna = pytest.importorskip("optuna")

from optuna.distributions import (  # noqa: E402
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from swarmnas.errors import SettingError, UnknownNameError  # noqa: E402
from swarmnas.integrations import SwarmSampler  # noqa: E402
from swarmnas.optimizers import create  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
SPACE = {"x": FloatDistribution(-5, 5), "y": FloatDistribution(-5, 5)}
NOTE = "swarmnas:particle"


@pytest.fixture(autouse=True)
def quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def loss(params):
    return (params["x"] - 1) ** 2 + (params["y"] + 2) ** 2


def objective(trial):
    return loss({name: trial.suggest_float(name, -5, 5) for name in SPACE})


def notes(study):
    return [t.system_attrs[NOTE] for t in study.trials if NOTE in t.system_attrs]


def test_one_after_another_is_the_ask_and_tell_of_the_swarm():
    study = optuna.create_study(sampler=SwarmSampler("cso", population_size=6, seed=3))
    study.optimize(objective, n_trials=40)
    first, *rest = study.trials
    swarm = create("cso", bounds=([0.0] * 2, [1.0] * 2), seed=3, population_size=6)
    unit = np.array([[(first.params[name] + 5) / 10 for name in SPACE]])
    swarm.inject(unit, [first.value])
    while rest:
        rows = swarm.ask()
        trials, rest = rest[: len(rows)], rest[len(rows) :]
        if len(trials) < len(rows):
            break
        by_row = {trial.system_attrs[NOTE]["row"]: trial for trial in trials}
        got = [[(by_row[k].params[name] + 5) / 10 for name in SPACE] for k in range(len(rows))]
        np.testing.assert_allclose(got, rows, atol=1e-12)
        swarm.tell(rows, [by_row[k].value for k in range(len(rows))])
    assert swarm.generation > 8


def test_results_go_to_their_particle_in_whatever_order_trials_end():
    def played(shuffled):
        study = optuna.create_study(sampler=SwarmSampler("pso", population_size=8, seed=0))
        study.add_trial(optuna.create_trial(params={"x": 4.0, "y": 4.0}, distributions=SPACE,
                                            value=loss({"x": 4.0, "y": 4.0})))  # fmt: skip
        order = random.Random(1)
        for size in (7, 8, 8, 8):  # one particle is known
            trials = [study.ask(SPACE) for _ in range(size)]
            if shuffled:
                order.shuffle(trials)
            for trial in trials:
                study.tell(trial, loss(trial.params))
        return [trial.params for trial in study.trials]

    assert played(shuffled=True) == played(shuffled=False)


def test_failed_and_pruned_trials_are_failed_rows():
    study = optuna.create_study(sampler=SwarmSampler("cso", population_size=6, seed=0))
    study.tell(study.ask(SPACE), 50.0)
    states = [optuna.trial.TrialState.FAIL, optuna.trial.TrialState.PRUNED]
    for k in range(60):
        trial = study.ask(SPACE)
        if k % 3 == 0:
            trial.report(-100.0, 0)
            study.tell(trial, state=states[k % 2])
        else:
            study.tell(trial, loss(trial.params))
    assert all("row" in note for note in notes(study))
    assert max(note["generation"] for note in notes(study)) > 8
    assert study.best_value < 5


def test_a_study_that_is_maximised_is():
    study = optuna.create_study(direction="maximize", sampler=SwarmSampler(seed=0))
    study.optimize(lambda trial: -objective(trial), n_trials=150)
    assert study.best_value > -0.01


def test_four_threads_evaluate_no_particle_twice():
    study = optuna.create_study(sampler=SwarmSampler(population_size=12, seed=0))
    study.optimize(objective, n_trials=150, n_jobs=4)
    places = [(note["generation"], note["row"]) for note in notes(study)]
    assert len(places) == len(set(places)) >= 146
    assert study.best_value < 0.05


WORKER = """
import sys, optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from swarmnas.integrations import SwarmSampler
optuna.logging.set_verbosity(optuna.logging.ERROR)
kind, path, trials = sys.argv[1:]
storage = f"sqlite:///{path}" if kind == "rdb" else JournalStorage(JournalFileBackend(path))
study = optuna.load_study(study_name="s", storage=storage,
                          sampler=SwarmSampler("cso", population_size=8, seed=0))
study.optimize(lambda t: (t.suggest_float("x", -5, 5) - 1) ** 2
               + (t.suggest_float("y", -5, 5) + 2) ** 2, n_trials=int(trials))
"""


@pytest.fixture
def memory(tmp_path):
    """Return a folder in memory, where there is one: SQLite waits for a disk at each commit."""
    home = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=home if os.access(home, os.W_OK) else tmp_path) as folder:
        yield Path(folder)


@pytest.mark.parametrize("kind", ["rdb", "journal"])
def test_processes_on_one_storage_and_a_restart_continue_one_swarm(kind, memory):
    journal = pytest.importorskip("optuna.storages.journal")
    path = str(memory / "study")
    storage = (
        f"sqlite:///{path}"
        if kind == "rdb"
        else optuna.storages.JournalStorage(journal.JournalFileBackend(path))
    )
    study = optuna.create_study(study_name="s", storage=storage)
    command = [sys.executable, "-W", "ignore", "-c", WORKER, kind, path]
    workers = [subprocess.Popen([*command, "30"]) for _ in range(2)]
    assert [worker.wait(timeout=240) for worker in workers] == [0, 0]
    before = max(note["generation"] for note in notes(study))
    subprocess.run([*command, "20"], check=True, timeout=240)
    found = notes(study)
    assert len(study.trials) == 30 + 30 + 20
    assert len({note["swarm"] for note in found}) == 1
    seeds = [note["opening"]["seed"] for note in found if "seed" in note.get("opening", ())]
    assert 1 <= len(seeds) <= 2  # two may open the first generation; the first of them counts
    assert max(note["generation"] for note in found) >= before + 4
    places = {(note["generation"], note["row"]) for note in found}
    assert len(places) >= 0.9 * len(found)  # claims rarely collide
    assert study.best_value < 1


def test_a_restarted_program_goes_on_where_it_was(tmp_path):
    def played(parts):
        storage = optuna.storages.InMemoryStorage()
        for count in parts:
            sampler = SwarmSampler("spso2011", population_size=6, seed=5)
            study = optuna.create_study(
                study_name="s", storage=storage, sampler=sampler, load_if_exists=True
            )
            study.optimize(objective, n_trials=count)
        return [trial.params for trial in study.trials]

    whole, split = played([60]), played([20, 25, 15])
    assert whole == split


def test_a_worker_that_dies_loses_no_result_and_blocks_nothing():
    study = optuna.create_study(sampler=SwarmSampler("cso", population_size=6, seed=0))
    study.tell(study.ask(SPACE), 40.0)
    lost = [study.ask(SPACE) for _ in range(2)]  # never told
    for _ in range(3):
        trial = study.ask(SPACE)
        study.tell(trial, 30.0)
    late = study.ask(SPACE)
    assert notes(study)[-1]["generation"] == 1
    study.tell(late, 30.0)
    study.tell(lost[0], 0.125)  # back, one generation late
    for _ in range(3):
        study.tell(study.ask(SPACE), 30.0)
    opened = [note["opening"] for note in notes(study) if "opening" in note]
    assert lost[0].number in [number for opening in opened for number in opening["let_in"]]


def test_values_that_were_fixed_are_where_the_particle_goes():
    study = optuna.create_study(sampler=SwarmSampler("pso", population_size=4, seed=0))
    study.tell(study.ask(SPACE), 40.0)
    study.enqueue_trial({"x": 1.0, "y": -2.0})
    study.optimize(objective, n_trials=40)
    assert study.best_value == 0
    last = [trial.params["x"] for trial in study.trials[-8:]]
    assert abs(np.median(last) - 1) < 1  # the swarm follows


@pytest.mark.parametrize(
    "distribution",
    [
        FloatDistribution(-2, 3),
        FloatDistribution(1e-4, 10, log=True),
        FloatDistribution(0, 1, step=0.25),
        FloatDistribution(-0.3, 0.6, step=0.1),
        IntDistribution(-3, 5),
        IntDistribution(0, 10, step=5),
        IntDistribution(1, 12, log=True),
    ],
    ids=repr,
)
def test_random_search_sees_the_same_space_in_optuna_and_in_our_swarm(distribution):
    count = 400
    space = {"a": distribution, "b": FloatDistribution(0, 1)}

    def drawn(sampler):
        study = optuna.create_study(sampler=sampler)
        study.add_trial(optuna.create_trial(params={"a": distribution.low, "b": 0.5},
                                            distributions=space, value=0.0))  # fmt: skip
        trials = [study.ask(space) for _ in range(count)]
        return np.array([trial.params["a"] for trial in trials])

    hosts = drawn(optuna.samplers.RandomSampler(seed=0))
    ours = drawn(SwarmSampler("random", population_size=count + 1, seed=0))
    if distribution.step is not None:
        assert set(np.round(ours, 9)) == set(np.round(hosts, 9))
    scale = np.log if distribution.log else np.asarray
    middle, spread = scale(hosts).mean(), scale(hosts).std()
    assert abs(scale(ours).mean() - middle) < 4 * spread * math.sqrt(2 / count)
    assert 0.9 < scale(ours).std() / spread < 1.1


def test_categories_are_sampled_apart_and_said_so_once(caplog):
    def objective(trial):
        kind = trial.suggest_categorical("kind", ["a", "b"])
        return trial.suggest_float("x", 0, 1) + (kind == "a")

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.logging.enable_propagation()
    study = optuna.create_study(sampler=SwarmSampler(seed=0))
    with caplog.at_level(logging.WARNING, logger="optuna"):
        study.optimize(objective, n_trials=30)
    optuna.logging.disable_propagation()
    (said,) = {line for line in caplog.messages if line.startswith("SwarmSampler")}
    assert said == (
        "SwarmSampler: 'kind' is categorical or not in every trial: sampled at random, "
        "apart from the swarm."
    )
    assert {trial.params["kind"] for trial in study.trials} == {"a", "b"}


@pytest.mark.skipif(not hasattr(optuna.trial.Trial, "set_constraint"), reason="needs Optuna 5")
def test_feasible_trials_win():
    def objective(trial):
        x = trial.suggest_float("x", -5, 5)
        trial.set_constraint("above one", 1 - x)
        return x**2

    study = optuna.create_study(sampler=SwarmSampler("cso", seed=0))
    study.optimize(objective, n_trials=120)
    last = [trial.params["x"] for trial in study.trials[-8:]]
    assert abs(np.median(last) - 1) < 0.2


def test_bad_input_is_one_line():
    with pytest.raises(UnknownNameError, match="Did you mean 'icso'"):
        SwarmSampler("icsoo")
    with pytest.raises(UnknownNameError, match="cso setting"):
        SwarmSampler("cso", inertia=1.0)
    with pytest.raises(SettingError, match="max_evaluations: expected none; got 9"):
        SwarmSampler(max_evaluations=9)
    with pytest.raises(SettingError, match="seed"):
        SwarmSampler(seed=-1)
    study = optuna.create_study(directions=["minimize"] * 2, sampler=SwarmSampler(seed=0))
    with pytest.raises(SettingError, match="one objective; got 2 objectives") as caught:
        study.ask(SPACE)
    assert "\n" not in str(caught.value)

    class Strange(optuna.distributions.BaseDistribution):
        def to_internal_repr(self, value):
            return 0.0

        to_external_repr = single = _contains = to_internal_repr

    study = optuna.create_study(sampler=SwarmSampler(seed=0))
    with pytest.raises(SettingError, match="categorical distribution; got Strange"):
        study.sampler.sample_relative(study, study.ask(), {"z": Strange()})


def test_a_sampler_travels_to_another_process():
    study = optuna.create_study(sampler=SwarmSampler(seed=0))
    study.optimize(objective, n_trials=20)
    again = pickle.loads(pickle.dumps(study.sampler))
    trial = study.ask(SPACE)
    study.sampler = again
    study.tell(trial, 1.0)
    study.tell(study.ask(SPACE), 1.0)
    assert len({note["swarm"] for note in notes(study)}) == 1
    places = [(note["generation"], note["row"]) for note in notes(study)]
    assert len(set(places)) == len(places) == 21


def test_categorical_values_are_of_their_choices():
    study = optuna.create_study(sampler=SwarmSampler(seed=0))
    space = {**SPACE, "kind": CategoricalDistribution(["a", "b"])}
    for _ in range(5):
        study.tell(study.ask(space), 0.0)
    assert {trial.params["kind"] for trial in study.trials} <= {"a", "b"}
