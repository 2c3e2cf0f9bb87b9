"""nevergrad, SciPy, pymoo and the trackers drive or follow us by their own conventions."""

import importlib
import json
import sys
from pathlib import Path

import nevergrad
import numpy as np
import pytest
import scipy.optimize

from swarmnas import integrations
from swarmnas.errors import MissingDependencyError, SettingError, UnknownNameError
from swarmnas.integrations import scipy_method
from swarmnas.integrations.nevergrad import register
from swarmnas.optimizers import optimizers


def sphere(x):
    return float((np.asarray(x) ** 2).sum())


@pytest.fixture(scope="module")
def registered():
    names = register()
    assert register() == names
    yield names
    for name in names:
        nevergrad.optimizers.registry.unregister(name)


def made(name, space, seed=0, **given):
    space.random_state.seed(seed)
    return nevergrad.optimizers.registry[name](space, **given)


def test_every_optimizer_of_ours_is_in_nevergrads_registry(registered):
    assert len(registered) == len(list(optimizers))
    for name in registered:
        optimizer = made(name, nevergrad.p.Array(shape=(2,), lower=-1.0, upper=3.0), budget=30)
        found = optimizer.minimize(sphere)
        assert optimizer.num_ask == optimizer.num_tell == 30
        assert ((found.value >= -1) & (found.value <= 3)).all()


def test_nevergrads_workers_tell_in_any_order(registered):
    optimizer = made(
        "SwarmNAS_cso", nevergrad.p.Array(shape=(2,), lower=-5.0, upper=5.0),
        budget=400, num_workers=4,
    )  # fmt: skip
    out, draws = [], np.random.default_rng(0)
    for _ in range(400):
        while len(out) < 4:
            out.append(optimizer.ask())
        candidate = out.pop(draws.integers(len(out)))
        optimizer.tell(candidate, sphere(candidate.value))
    assert optimizer.recommend().value == pytest.approx([0, 0], abs=0.2)


def test_a_point_that_nevergrad_was_not_asked_for_steers_the_swarm(registered):
    space = nevergrad.p.Array(shape=(2,), lower=-5.0, upper=5.0)
    optimizer = made("SwarmNAS_pso", space, budget=500)
    optimizer.suggest([4.0, 4.0])  # asked first
    candidate = space.spawn_child(new_value=np.array([2.5, 2.5]))
    optimizer.tell(candidate, -100.0)
    for _ in range(200):
        candidate = optimizer.ask()
        optimizer.tell(candidate, 1.0)
    near = np.median([abs(optimizer.ask().value - 2.5).max() for _ in range(20)])
    assert near < 2.5  # 5 where nothing steers


@pytest.mark.parametrize(
    "space",
    [
        lambda: nevergrad.p.Array(shape=(1,)).set_bounds(-2.0, 3.0, full_range_sampling=True),
        lambda: nevergrad.p.Array(shape=(1,)),
        lambda: nevergrad.p.Log(lower=1e-3, upper=10.0),
        lambda: nevergrad.p.Scalar(lower=0, upper=6).set_integer_casting(),
    ],
)
def test_random_search_sees_the_same_space_in_nevergrad_and_in_our_swarm(registered, space):
    def drawn(name):
        optimizer = made(name, space(), budget=300)
        return np.array([np.ravel(optimizer.ask().value)[0] for _ in range(300)])

    hosts, ours = drawn("RandomSearch"), drawn("SwarmNAS_random")
    if isinstance(space(), nevergrad.p.Log):
        hosts, ours = np.log(hosts), np.log(ours)
    assert abs(ours.mean() - hosts.mean()) < 4 * hosts.std() * np.sqrt(2 / 300)
    assert 0.8 < ours.std() / hosts.std() < 1.25


def test_a_conditional_space_of_nevergrads_is_searched_in_both_branches(registered):
    def space():
        wide = nevergrad.p.Scalar(lower=-10.0, upper=10.0)
        return nevergrad.p.Choice([wide, nevergrad.p.Dict(n=nevergrad.p.Scalar(lower=0, upper=1))])

    def share(name):
        optimizer = made(name, space(), budget=100)
        values = [optimizer.ask().value for _ in range(100)]
        return np.mean([isinstance(value, dict) for value in values])

    assert share("SwarmNAS_random") == pytest.approx(share("RandomSearch"), abs=0.2)
    optimizer = made("SwarmNAS_cso", space(), budget=150)
    found = optimizer.minimize(lambda v: v["n"] if isinstance(v, dict) else abs(v - 3) + 2)
    assert found.value["n"] < 0.5


def test_scipy_minimises_by_our_method_and_stops_by_its_conventions():
    seen = []

    def stop(intermediate_result):
        seen.append(intermediate_result.fun)
        if len(seen) == 3:
            raise StopIteration

    given = {"bounds": [(-5, 5)] * 2, "method": scipy_method("cso"), "args": (1.0,)}
    options = {"max_evaluations": 1500, "seed": 0}
    shifted = lambda x, centre: sphere(x - centre)
    result = scipy.optimize.minimize(shifted, [4, 4], options=options, **given)
    assert result.x == pytest.approx([1, 1], abs=0.05)
    assert result.nfev == 1500
    result = scipy.optimize.minimize(shifted, [4, 4], options=options, callback=stop, **given)
    assert result.status == 99
    assert len(seen) == 3
    places = []
    scipy.optimize.minimize(shifted, [4, 4], options=options, callback=places.append, **given)
    assert places[-1].shape == (2,)
    box = scipy.optimize.Bounds(-5, 5)
    result = scipy.optimize.minimize(shifted, [4, 4], options=options, **{**given, "bounds": box})
    assert result.nfev == 1500


def test_the_swarm_of_scipy_starts_with_x0():
    first = []
    scipy.optimize.minimize(
        lambda x: first.append(x) or sphere(x), [4.5, -4.5], bounds=[(-5, 5)] * 2,
        method=scipy_method("pso"), options={"max_evaluations": 50, "seed": 0},
    )  # fmt: skip
    assert first[0].tolist() == [4.5, -4.5]


def test_wrong_use_of_scipys_method_is_one_line():
    options = {"max_evaluations": 50, "seed": 0}
    method = scipy_method("cso")
    with pytest.raises(UnknownNameError, match="Did you mean 'cso'"):
        scipy_method("csoo")
    with pytest.raises(SettingError, match="method cso: expected bounds; got none"):
        scipy.optimize.minimize(sphere, [0.0], method=method, options=options)
    with pytest.raises(SettingError, match="no constraints"):
        scipy.optimize.minimize(
            sphere, [0.0], method=method, options=options, bounds=[(-1, 1)],
            constraints={"type": "ineq", "fun": sphere},
        )  # fmt: skip
    with pytest.raises(SettingError, match="the option seed"):
        scipy.optimize.minimize(
            sphere, [0.0], method=method, bounds=[(-1, 1)], options={"max_evaluations": 9}
        )


def test_pymoo_runs_every_optimizer_and_counts_as_we_do():
    pytest.importorskip("pymoo")
    from pymoo.optimize import minimize
    from pymoo.problems import get_problem

    for name in ("icso", "pso", "de", "random"):
        algorithm = integrations.SwarmAlgorithm(name, population_size=10)
        found = minimize(get_problem("sphere", n_var=3), algorithm, ("n_evals", 300), seed=1)
        again = minimize(get_problem("sphere", n_var=3), algorithm, ("n_evals", 300), seed=1)
        assert np.array_equal(found.X, again.X)
        assert found.F[0] == pytest.approx(found.algorithm.swarm.best_loss)
        assert found.algorithm.swarm.evaluations == found.algorithm.evaluator.n_eval


def same_box(ours, hosts):
    """Compare uniform draws from a box: their ends and means, within what so many leave open."""
    assert ours.shape == hosts.shape
    width = np.ptp(hosts, axis=0)
    assert (abs(ours.min(axis=0) - hosts.min(axis=0)) < 0.04 * width).all()
    assert (abs(ours.max(axis=0) - hosts.max(axis=0)) < 0.04 * width).all()
    assert (abs(ours.mean(axis=0) - hosts.mean(axis=0)) < 4 * width / np.sqrt(6 * len(ours))).all()


def test_random_search_sees_the_same_box_in_scipy_and_in_our_swarm():
    def drawn(run, **given):
        rows = []
        run(lambda x: rows.append(np.array(x)) or 0.0, **given)
        return np.array(rows)

    box = scipy.optimize.Bounds([-1, 2], [3, 7])
    hosts = drawn(
        scipy.optimize.differential_evolution, bounds=box, init="random", popsize=200, maxiter=0,
        polish=False, seed=0,
    )  # fmt: skip
    options = {"max_evaluations": len(hosts) + 1, "seed": 0}
    ours = drawn(
        scipy.optimize.minimize, x0=[0, 3], bounds=box, method=scipy_method("random"),
        options=options,
    )  # fmt: skip
    same_box(ours[1:], hosts)


def test_random_search_sees_the_same_box_in_pymoo_and_in_our_swarm():
    pytest.importorskip("pymoo")
    from pymoo.core.problem import Problem
    from pymoo.operators.sampling.rnd import FloatRandomSampling

    problem = Problem(n_var=2, n_obj=1, xl=[-1, 2], xu=[3, 7])
    algorithm = integrations.SwarmAlgorithm("random", population_size=400)
    algorithm.setup(problem, seed=0)
    hosts = FloatRandomSampling().do(problem, 400, random_state=np.random.default_rng(0))
    same_box(algorithm.ask().get("X"), hosts.get("X"))


def test_pymoo_constraints_decide_and_bad_input_is_one_line():
    pytest.importorskip("pymoo")
    from pymoo.core.problem import Problem
    from pymoo.optimize import minimize
    from pymoo.problems import get_problem

    class Beyond(Problem):
        def __init__(self):
            super().__init__(n_var=2, n_obj=1, n_ieq_constr=1, xl=[-1, 2], xu=[3, 5])

        def _evaluate(self, x, out, *_, **__):
            out["F"], out["G"] = (x**2).sum(axis=1), 1 - x[:, :1]

    found = minimize(Beyond(), integrations.SwarmAlgorithm("cso"), ("n_evals", 2000), seed=1)
    assert pytest.approx([1, 2], abs=0.1) == found.X
    boundless, equal = (
        Problem(n_var=2, n_obj=1),
        Problem(n_var=1, n_obj=1, n_eq_constr=1, xl=0, xu=1),
    )
    for problem, words in (
        (get_problem("zdt1"), "one objective .* got 2 objectives"),
        (equal, "got 1 objectives, 1 equality constraints"),
        (boundless, "SwarmAlgorithm: expected bounds; got none"),
    ):
        with pytest.raises(SettingError, match=words) as caught:
            minimize(problem, integrations.SwarmAlgorithm(), ("n_evals", 100))
        assert "\n" not in str(caught.value)
    with pytest.raises(UnknownNameError, match="Did you mean 'cso'"):
        integrations.SwarmAlgorithm("csoo")


RECORDS = [
    {"kind": "epoch", "epoch": 1, "valid_loss": 0.5, "timing": {"seconds": 1.5}},
    {"kind": "decision", "epoch": 1, "reason": "loss still falling"},
    {"kind": "epoch", "epoch": 2, "valid_loss": 0.25},
    {"kind": "candidate", "epoch": 2, "valid_loss": 0.125, "reason": "candidate 1 of 2"},
]


def follow(callback):
    callback.on_start({"seed": 0, "space": {"name": "darts"}})
    for record in RECORDS:
        callback.on_record(record)
    callback.on_end({"genotype": "|a|", "epochs": 2})


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_shows_the_epochs(tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    follow(integrations.TensorBoard(tmp_path))
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [event.value for event in events.Scalars("valid_loss")] == [0.5, 0.25]
    assert [event.step for event in events.Scalars("valid_loss")] == [1, 2]
    assert {"decision/text_summary", "candidate/text_summary"} <= set(events.Tags()["tensors"])


@pytest.mark.filterwarnings("ignore")
def test_mlflow_keeps_the_run(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "store").as_uri())
    follow(integrations.MLflow("first"))
    assert mlflow.active_run() is None
    (run,) = mlflow.search_runs(output_format="list")
    assert run.data.params == {"seed": "0", "space.name": "darts"}
    assert run.data.metrics["valid_loss"] == 0.25
    artifacts = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/decisions.txt")
    assert artifacts == "epoch 1: loss still falling\nepoch 2: candidate 1 of 2"


@pytest.mark.filterwarnings("ignore")
def test_weights_and_biases_logs_offline(tmp_path):
    pytest.importorskip("wandb")
    follow(integrations.WeightsAndBiases(mode="offline", dir=str(tmp_path), project="test"))
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))


@pytest.mark.parametrize(
    ("name", "host", "extra"),
    [
        ("SwarmSampler", "optuna", "optuna"),
        ("SwarmAlgorithm", "pymoo", "pymoo"),
        ("SwarmSearch", "ray.tune", "ray"),
        ("RayExecutor", "ray", "ray"),
        ("TensorBoard", "tensorboard", "tensorboard"),
        ("MLflow", "mlflow", "mlflow"),
        ("WeightsAndBiases", "wandb", "wandb"),
    ],
)
def test_a_missing_extra_is_one_line(name, host, extra, monkeypatch):
    for module in [*sys.modules]:
        if module == "swarmnas.integrations" or module.startswith("swarmnas.integrations."):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, host, None)
    expected = f"{name}: needs the package '{host}', which is not installed"
    fresh = importlib.import_module("swarmnas.integrations")
    given = {"directory": "somewhere"} if name == "TensorBoard" else {}
    with pytest.raises(MissingDependencyError, match=expected) as caught:
        getattr(fresh, name)(**given)
    assert str(caught.value).endswith(f"Run: pip install 'swarmnas[{extra}]'.")
    assert "\n" not in str(caught.value)


def test_no_adapter_imports_a_private_module_of_its_host():
    lines = [
        (path.name, words[1])
        for path in Path(integrations.__file__).parent.glob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if (words := line.split()) and words[0] in ("import", "from") and len(words) > 1
    ]
    assert len(lines) > 30
    private = [
        (name, module)
        for name, module in lines
        if module != "__future__" and any(part.startswith("_") for part in module.split("."))
    ]
    assert private == []


def test_importing_the_package_imports_no_host():
    assert json.dumps(dir(integrations))  # names without their modules
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = integrations.Nothing
