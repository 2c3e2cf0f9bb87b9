"""What policies say, the search does: settings, hand-overs, roll-backs, the cap, refusals."""

import json
from dataclasses import fields

import numpy as np
import pytest

from swarmnas import optimizers, rng, search
from swarmnas.errors import DocumentError, SettingError, SwarmNASError
from swarmnas.phases import Phase, Signals, triggers
from swarmnas.phases.triggers import Reading
from swarmnas.runs import RunDirectory
from swarmnas.search.drivers import create_swarm
from swarmnas.spaces import Adapter, Genotype, create

WARM_UP = """
[[phase]]
name = "warm-up"
alphas = "frozen"
until = [{ trigger = "epochs", at_least = 1 }]
"""
EXPLORATION = """
[[phase]]
name = "exploration"
alphas = "swarm"
every = 1
images = 20
until = [{ trigger = "epochs", at_least = 2 }]
"""
STABILITY = """
[[phase]]
name = "stability"
alphas = "gradient"
learning_rate = 0.05
until = [{ trigger = "epochs", at_least = 2 }]
"""
TURNS = """
[[phase]]
name = "turns"
alphas = "alternate"
learning_rate = 0.05
images = 20
until = [{ trigger = "epochs", at_least = 4 }]
"""


@pytest.fixture
def by(tiny, tmp_path):
    """Run a tiny search by a policy text in a directory of that name, and return the directory."""

    def run(name, phases, head="epochs = 4", **settings):
        policy = tmp_path / f"{name}.toml"
        policy.write_text(f"{head}\n{phases}", encoding="utf-8")
        given = {"policy": str(policy), "epochs": None, "population_size": None}
        config = tiny(**{"train_images": 80, **given, **settings})
        search.run(config, out=tmp_path / name)
        return RunDirectory.open(tmp_path / name)

    return run


def epochs_of(run):
    return [record for record in run.history() if record["kind"] == "epoch"]


def decisions_of(run):
    return [record for record in run.history() if record["kind"] == "decision"]


# --- Every setting of a phase acts ----------------------------------------------------------------

CHANGED = {
    "weights": (EXPLORATION, 'weights = "frozen"'),
    "temperature": (STABILITY, "temperature = [5.0, 2.0]"),
    "start_from": (EXPLORATION + STABILITY, 'start_from = "centre"'),
    "train_under": (EXPLORATION, 'train_under = "incumbent"'),
    "draw_around": (STABILITY, 'draw_around = "normal"'),
    "noise": (STABILITY + 'draw_around = "normal"', "noise = 2.0"),
    "concentration": (STABILITY + 'train_under = "dirichlet"', "concentration = [0.1, 0.2]"),
    "weights_decay_factor": (STABILITY, "weights_decay_factor = 10.0"),
    "freeze": (STABILITY, "freeze = { below = 1.0 }"),
    "optimizer": (EXPLORATION, 'optimizer = "cso"'),
    "optimizer_settings": (EXPLORATION, "optimizer_settings = { phi = 0.0, drift = 0.0 }"),
    "population_size": (EXPLORATION, "population_size = 8"),
    "every": (EXPLORATION.replace("every = 1", ""), "every = 1"),
    "images": (EXPLORATION.replace("images = 20", ""), "images = 10"),
    "evaluate": (EXPLORATION, 'evaluate = "discrete"'),
    "spread": (EXPLORATION, "spread = 0.1"),
    "order": (STABILITY, "order = 2"),
    "learning_rate": (STABILITY.replace("learning_rate = 0.05", ""), "learning_rate = [0.1, 0.0]"),
    "weight_decay": (STABILITY, "weight_decay = 1.0"),
    "beta_decay": (STABILITY, "beta_decay = 5.0"),
    "entropy_penalty": (STABILITY, "entropy_penalty = 5.0"),
    "gradient_at": (TURNS, 'gradient_at = "particles"'),
    "gradient_every": (STABILITY, "gradient_every = 2"),
    "swarm_every": (TURNS, "swarm_every = 3"),
    "read_out": (STABILITY, 'read_out = "perturbation"'),
    "back_to": (
        EXPLORATION + STABILITY,
        'back_to = [{ phase = "exploration", when = { trigger = "skip-share", at_least = 0.0 } }]',
    ),
}  # fmt: skip


def test_no_setting_is_forgotten_here():
    assert set(CHANGED) == set(Phase.model_fields) - {"name", "alphas", "until"}


@pytest.fixture(scope="module")
def without():
    """Return a place for what searches came to before a setting was changed."""
    return {}


@pytest.mark.parametrize("setting", CHANGED)
def test_a_setting_changes_the_search(by, story, without, setting):
    phases, line = CHANGED[setting]

    def outcome(run):
        found = json.loads((run.path / "genotype.json").read_text(encoding="utf-8"))
        return story(run.path), found["genotype"]

    if phases not in without:
        without[phases] = outcome(by("plain", phases))
    assert outcome(by("changed", f"{phases}\n{line}\n")) != without[phases]


@pytest.mark.parametrize(
    "which", ["alphas", "dirichlet", "particles", "centre", "incumbent", "origin"]
)
@pytest.mark.parametrize("draw", ["none", "normal", "dirichlet"])
def test_weights_train_under_each_and_around_each(by, which, draw):
    around = "" if which == "dirichlet" else f'draw_around = "{draw}"'
    run = by("run", f'{EXPLORATION}train_under = "{which}"\n{around}\n')
    assert all(np.isfinite(epoch["train_loss"]) for epoch in epochs_of(run))


# --- Hand-overs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["recommend", "best", "centre"])
def test_the_gradient_starts_where_the_swarm_hands_over(by, rule):
    alone = by("alone", EXPLORATION).load_checkpoint()
    both = by("both", f'{EXPLORATION}{STABILITY.replace("2 }", "1 }")}start_from = "{rule}"\n')
    handed = both.load_checkpoint(2).arrays["alphas.cell"]
    adapter = Adapter(create("nasbench201"))
    swarm = create_swarm(
        adapter,
        Phase(name="exploration", alphas="swarm", until=[{"trigger": "epochs", "at_least": 2}]),
        seed=rng.seed_sequence(0),
    )
    swarm.load_state_dict(alone.state["drivers"]["swarm"]["swarm"])
    expected = {
        "recommend": swarm.recommend(),
        "best": swarm.best_position,
        "centre": swarm.positions.mean(axis=0),
    }[rule]
    np.testing.assert_allclose(handed, adapter.to_alphas(expected)["cell"], rtol=1e-6, atol=1e-7)
    assert "gradient" in both.load_checkpoint(2).state["drivers"]


def test_a_swarm_after_a_gradient_is_seeded_around_its_alphas(by):
    run = by("run", f"{STABILITY}{EXPLORATION.replace('2 }', '1 }')}spread = 0.25\n")
    checkpoint = run.load_checkpoint(2)
    origin = checkpoint.state["drivers"]["swarm"]["origin"]
    assert (origin["epoch"], origin["spread"]) == (2, 0.25)
    np.testing.assert_array_equal(origin["centre"]["cell"], checkpoint.arrays["alphas.cell"])
    positions = checkpoint.state["drivers"]["swarm"]["swarm"]["values"]["position"]
    centre = Adapter(create("nasbench201")).to_position(origin["centre"])
    np.testing.assert_allclose(positions[0], centre)
    assert np.std(positions[1:] - centre) == pytest.approx(0.25, rel=0.1)  # 1170 draws


def test_a_swarm_that_nothing_preceded_covers_the_box(by):
    run = by("run", WARM_UP + EXPLORATION.replace("2 }", "1 }"))
    assert run.load_checkpoint(1).state["drivers"]["swarm"]["origin"]["spread"] is None


def test_the_search_goes_back_as_often_as_it_may(by):
    always = '{ phase = "exploration", when = { trigger = "skip-share", at_least = 0.0 } }'
    run = by(
        "run",
        f"{EXPLORATION}{STABILITY}back_to = [{always}]\n",
        head="epochs = 4\nmax_epochs = 12\nmax_returns = 2",
    )
    path = [epoch["phase"][0] for epoch in epochs_of(run)]
    assert "".join(path) == "ee" + "s" + "ee" + "s" + "ee" + "ss"
    assert decisions_of(run)[-1]["stop"]


def test_no_search_passes_its_cap(by):
    endless = STABILITY.replace('"epochs", at_least = 2', '"genotype-stable", for_epochs = 90')
    run = by("run", endless, head="epochs = 2\nmax_epochs = 3")
    assert len(epochs_of(run)) == 3
    assert "the cap of 3 epochs" in decisions_of(run)[-1]["reason"]


# --- Readings, roll-back, freezing ----------------------------------------------------------------

EIGENVALUE = (
    '{ trigger = "hessian-eigenvalue", above = 1e-9, every = 1, window = 1, lag = 2, start = 1 }'
)


def test_a_reading_is_taken_only_when_it_is_wanted(by):
    wanted = '{ trigger = "hessian-eigenvalue", every = 2 }, { trigger = "epochs", at_least = 4 }'
    run = by("run", STABILITY.replace('{ trigger = "epochs", at_least = 2 }', wanted))
    readings = ["hessian-eigenvalue" in epoch["probes"] for epoch in epochs_of(run)]
    assert readings == [True, False, True, False]
    plain = by("plain", STABILITY)
    assert all(epoch["probes"] == {} for epoch in epochs_of(plain))


def test_every_signal_is_recorded(by):
    run = by("run", EXPLORATION + "freeze = { below = -1.0 }\n")
    traced = {"alphas", "point", "swarm"}  # for pictures
    recorded = set(epochs_of(run)[-1]) - {"kind", "timing"} - traced
    assert recorded == {field.name for field in fields(Signals)} - {"seconds"}


@pytest.mark.parametrize("phase", [STABILITY, EXPLORATION])
def test_a_roll_back_returns_weights_alphas_momentum_and_driver(by, phase):
    until = f'{EIGENVALUE}, {{ trigger = "epochs", at_least = 9 }}'
    phases = phase.replace('{ trigger = "epochs", at_least = 2 }', until)
    run = by("run", phases, head="epochs = 4\nkeep_epochs = 5")
    last = decisions_of(run)[-1]
    assert [action["action"] for action in last["actions"]] == ["roll-back", "stop"]
    stopped, back = last["epoch"], last["actions"][0]["epoch"]
    assert (stopped, back) == (4, 2)
    then, now = run.load_checkpoint(back), run.load_checkpoint(stopped)
    assert set(then.arrays) == set(now.arrays)
    for name, array in then.arrays.items():
        np.testing.assert_array_equal(array, now.arrays[name], err_msg=name)
    np.testing.assert_equal(now.state["sgd"]["slots"], then.state["sgd"]["slots"])
    np.testing.assert_equal(now.state["drivers"], then.state["drivers"])
    assert now.state["step"] > then.state["step"]
    found = json.loads((run.path / "genotype.json").read_text(encoding="utf-8"))["found"]
    assert (found["epochs"], found["alphas_of_epoch"]) == (4, 2)
    genotype = Genotype.from_json(json.loads((run.path / "genotype.json").read_text())["genotype"])
    space = create("nasbench201")
    assert genotype == space.decode({"cell": then.arrays["alphas.cell"]})


def test_a_roll_back_hands_over_what_it_returned_to(by):
    until = f'{EIGENVALUE}, {{ trigger = "epochs", at_least = 9 }}'
    first = EXPLORATION.replace('{ trigger = "epochs", at_least = 2 }', until)
    second = STABILITY.replace("2 }", "1 }") + 'start_from = "centre"\n'
    run = by("run", first + second, head="epochs = 4\nkeep_epochs = 5")
    then = run.load_checkpoint(2)
    positions = then.state["drivers"]["swarm"]["swarm"]["values"]["position"]
    centre = Adapter(create("nasbench201")).to_alphas(positions.mean(axis=0))["cell"]
    handed = run.load_checkpoint(4).arrays["alphas.cell"]
    np.testing.assert_allclose(handed, centre, rtol=1e-6, atol=1e-7)


def test_checkpoints_are_kept_as_far_back_as_a_roll_back_reaches(by):
    far = EIGENVALUE.replace("above = 1e-9", "above = 1e9")
    until = f'{far}, {{ trigger = "epochs", at_least = 5 }}'
    run = by("run", STABILITY.replace('{ trigger = "epochs", at_least = 2 }', until))
    kept = sorted(path.name for path in (run.path / "checkpoint").iterdir())
    assert [int(name[5:11]) for name in kept] == [4, 5]
    run = by("far", STABILITY.replace('{ trigger = "epochs", at_least = 2 }', until),
             head="epochs = 4\nkeep_epochs = 4")  # fmt: skip
    kept = sorted(path.name for path in (run.path / "checkpoint").iterdir())
    assert [int(name[5:11]) for name in kept] == [2, 3, 4, 5]


def test_frozen_operations_stay_frozen_also_after_a_resume(by, story, tmp_path, interrupt, tiny):
    phases = STABILITY.replace("2 }", "4 }") + "freeze = { below = 0.9 }\n"
    run = by("run", phases)
    frozen = [
        name
        for decision in decisions_of(run)
        for action in decision["actions"]
        for name in action.get("operations", ())
    ]
    assert frozen
    assert len(frozen) == len(set(frozen))
    first, *_, last = [set(e["probes"]["gradient-agreement"]) for e in epochs_of(run)]
    assert first - last <= set(frozen)
    assert last.isdisjoint(decisions_of(run)[1]["actions"][0]["operations"])
    settings = RunDirectory.open(run.path).config["search"]
    config = search.SearchConfig.from_mapping(settings)
    with pytest.raises(KeyboardInterrupt):
        search.run(config, out=tmp_path / "broken", callbacks=[interrupt(3, 1)])
    search.resume(tmp_path / "broken")
    assert story(tmp_path / "broken") == story(run.path)


# --- Optimizers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*optimizers.optimizers, "nevergrad:TwoPointsDE"])
def test_every_optimizer_drives_exploration(by, name):
    least = max(6, optimizers.optimizers.load(name).smallest_population)
    run = by("run", EXPLORATION.replace("2 }", "1 }"), optimizer=name, population_size=least)
    (epoch,) = epochs_of(run)
    assert epoch["evaluations"] >= least
    assert 0 <= epoch["diversity"] <= 1


def test_one_that_can_neither_bear_noise_nor_save_itself_drives_it_too(
    by, story, monkeypatch, tmp_path, interrupt
):
    kind = optimizers.optimizers.load("pso")
    cannot = optimizers.Capabilities(noisy=False, exact_state=False, why="a test says so")
    monkeypatch.setattr(kind, "capabilities", cannot)
    run = by("run", EXPLORATION + 'optimizer = "pso"\n')
    config = search.SearchConfig.from_mapping(run.config["search"])
    with pytest.raises(KeyboardInterrupt):
        search.run(config, out=tmp_path / "broken", callbacks=[interrupt(2, 1)])
    search.resume(tmp_path / "broken")
    assert story(tmp_path / "broken") == story(run.path)


# --- Refusals -------------------------------------------------------------------------------------


class Gauge(Reading):
    """A trigger of somebody else, on a reading that no search takes."""

    name = "gauge"
    label = "pressure"
    bounds = ("at_least",)
    probe = "pressure"
    at_least: float = 1.0

    def values(self, history):
        return []


@pytest.fixture
def gauge(monkeypatch):
    known = triggers.load
    monkeypatch.setattr(triggers, "load", lambda n: Gauge if n == "gauge" else known(n))
    monkeypatch.setattr(
        type(triggers), "__contains__", lambda self, n: n == "gauge" or n in [*self]
    )


@pytest.mark.parametrize(
    ("phases", "head", "error", "message"),
    [
        (
            STABILITY.replace('"epochs"', '"epoch"'),
            "epochs = 4",
            DocumentError,
            r"line 7: .*unknown name 'epoch'\. Did you mean 'epochs'",
        ),
        (
            STABILITY.replace("learning_rate", "learn_rate"),
            "epochs = 4",
            DocumentError,
            r"line 6: .*unknown name 'learn_rate'\. Did you mean 'learning_rate'",
        ),
        (
            EXPLORATION + STABILITY,
            "epochs = 2\nmax_epochs = 2",
            DocumentError,
            "'stability' can never be reached: the cap of 2 epochs comes first",
        ),
        (
            STABILITY.replace('"epochs", at_least', '"diversity", below'),
            "epochs = 4",
            DocumentError,
            "expected a swarm in phase 'stability'",
        ),
        (
            STABILITY.replace('"epochs", at_least = 2', '"skip-count", cell = "normal"'),
            "epochs = 4",
            SettingError,
            "'skip-count': cell of nasbench201: unknown name 'normal'. Known: cell",
        ),
        (
            STABILITY.replace('"epochs", at_least = 2', '"gauge"'),
            "epochs = 4",
            SettingError,
            "'gauge': reading of a search: unknown name 'pressure'. Known: gradient-agreement",
        ),
        (
            STABILITY.replace('{ trigger = "epochs", at_least = 2 }', EIGENVALUE),
            "epochs = 9\nkeep_epochs = 1",
            DocumentError,
            "line 2: .*expected at least 2, which is how far 'hessian-eigenvalue'",
        ),
    ],
)
@pytest.mark.usefixtures("gauge")
def test_what_cannot_work_is_refused_before_anything_is_written(
    by, tmp_path, phases, head, error, message
):
    with pytest.raises(SwarmNASError, match=message) as caught:
        by("run", phases, head=head)
    assert isinstance(caught.value, error)
    assert not (tmp_path / "run").exists()


def test_a_sample_without_alphas_is_refused():
    with pytest.raises(SettingError, match="gradient_at: expected 'alphas' where"):
        Phase(name="p", alphas="gradient", train_under="dirichlet", gradient_at="sample")


def test_the_gradient_can_be_taken_at_particles_only_where_there_is_a_swarm():
    with pytest.raises(SettingError, match="gradient_at: expected 'alphas' or 'sample' where no"):
        Phase(name="p", alphas="gradient", gradient_at="particles")


def test_an_unknown_setting_of_the_optimizer_is_refused_before_the_search(by):
    with pytest.raises(SwarmNASError, match="'fi'"):
        by("refused", f"{EXPLORATION}\noptimizer_settings = {{ fi = 0.0 }}\n")
