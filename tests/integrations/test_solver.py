"""Solver inside the experiments of IOH and COCO, which record what it does."""

import json
import pickle

import numpy as np
import pytest

from swarmnas.errors import SettingError, UnknownNameError
from swarmnas.integrations import Solver
from swarmnas.optimizers import create
from swarmnas.rng import seed_sequence

ROWS = 400


def by_ioh(folder, **given):
    ioh = pytest.importorskip("ioh")
    experiment = ioh.Experiment(
        Solver("cso", budget_per_dim=100, seed=0), [1, 3], [1, 2], [2], reps=2,
        problem_class=ioh.ProblemClass.BBOB, output_directory=str(folder), zip_output=False,
        **given,
    )  # fmt: skip
    experiment.run()
    found = {}
    for path in sorted(folder.glob("ioh_data/*.json")):
        record = json.loads(path.read_text())
        assert record["algorithm"]["name"] == "swarmnas-cso"
        (scenario,) = record["scenarios"]
        found[record["function_name"]] = scenario["runs"]
    return found


def test_an_experiment_of_ioh_drives_and_records_us(tmp_path):
    found = by_ioh(tmp_path)
    assert list(found) == ["Sphere", "Rastrigin"]
    for runs in found.values():
        assert [run["instance"] for run in runs] == [1, 1, 2, 2]
        assert all(run["evals"] == 200 for run in runs)
        assert len({run["best"]["y"] for run in runs}) == 4  # no run repeats another


def test_a_run_follows_from_seed_problem_and_repetition_alone():
    ioh = pytest.importorskip("ioh")

    def played(solver, instances):
        losses = {}
        for instance in instances:
            problem = ioh.get_problem("Rastrigin", instance, 2, ioh.ProblemClass.BBOB)
            losses[instance] = [solver(problem).best_loss, solver(problem).best_loss]
        return losses

    solver = Solver("pso", budget_per_dim=50, seed=3)
    copy = pickle.loads(pickle.dumps(solver))
    first, second = played(solver, [1, 2, 3]), played(copy, [3, 1, 2])
    assert first == second
    assert len({loss for losses in first.values() for loss in losses}) == 6
    assert played(Solver("pso", budget_per_dim=50, seed=4), [1])[1] != first[1]


def test_it_stops_at_the_final_target_of_ioh():
    ioh = pytest.importorskip("ioh")
    problem = ioh.get_problem("Sphere", 1, 2, ioh.ProblemClass.BBOB)
    swarm = Solver("cso", budget_per_dim=5000, seed=0)(problem)
    assert problem.state.final_target_found
    assert swarm.evaluations == problem.state.evaluations < 5000


def test_ioh_may_maximise():
    ioh = pytest.importorskip("ioh")
    problem = ioh.wrap_problem(
        lambda x: float(np.sum(x)), "sum of x", dimension=2, lb=1, ub=3,
        optimization_type=ioh.OptimizationType.MAX,
    )  # fmt: skip
    Solver("cso", budget_per_dim=200, seed=0)(problem)
    assert problem.state.current_best.y == pytest.approx(6, abs=0.01)


def test_random_search_sees_the_box_of_ioh():
    ioh = pytest.importorskip("ioh")
    rows = []
    problem = ioh.wrap_problem(
        lambda x: rows.append(np.array(x)) or 0.0, "recorder", dimension=2, lb=2, ub=7
    )
    Solver("random", budget_per_dim=ROWS // 2, seed=0)(problem)
    hosts = np.random.default_rng(0).uniform(problem.bounds.lb, problem.bounds.ub, (ROWS, 2))
    same_box(np.array(rows), hosts)


def same_box(ours, hosts):
    """Compare uniform draws from two boxes: their ends within what so many rows leave open."""
    assert ours.shape == hosts.shape == (ROWS, 2)
    width = np.ptp(hosts, axis=0)
    assert (abs(ours.min(axis=0) - hosts.min(axis=0)) < 0.03 * width).all()
    assert (abs(ours.max(axis=0) - hosts.max(axis=0)) < 0.03 * width).all()
    assert (abs(ours.mean(axis=0) - hosts.mean(axis=0)) < 4 * width * np.sqrt(2 / 12 / ROWS)).all()


def coco(suite, **chosen):
    cocoex = pytest.importorskip("cocoex")
    options = {"dimensions": 2, "instance_indices": 1, "function_indices": 1, **chosen}
    return cocoex, cocoex.Suite(suite, "", " ".join(f"{k}:{v}" for k, v in options.items()))


def test_a_suite_and_observer_of_coco_drive_and_record_us(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cocoex, suite = coco("bbob", dimensions="2,3", function_indices="1,8")
    solver = Solver("cso", budget_per_dim=100, seed=0)
    observer = cocoex.Observer("bbob", f"result_folder:run algorithm_name:{solver}")
    for problem in suite:
        problem.observe_with(observer)
        swarm = solver(problem)
        assert problem.evaluations == swarm.evaluations == 100 * problem.dimension
        assert problem.best_observed_fvalue1 == swarm.best_loss
    for function in (1, 8):
        (info,) = tmp_path.glob(f"exdata/run/*_f{function}.info")
        text = info.read_text()
        assert "swarmnas-cso" in text
        assert "1:200|" in text  # instance 1, evaluations
        assert "1:300|" in text


def test_it_stops_at_the_final_target_of_coco():
    _, suite = coco("bbob")
    for problem in suite:
        swarm = Solver("cso", budget_per_dim=5000, seed=0)(problem)
        assert problem.final_target_hit
        assert problem.evaluations == swarm.evaluations < 5000


def test_cocos_constraints_decide():
    _, suite = coco("bbob-constrained")
    for problem in suite:
        swarm = Solver("cso", budget_per_dim=500, seed=0)(problem)
        assert problem.constraint(swarm.best_position).max() <= 0
        outside = create(
            "cso", bounds=(problem.lower_bounds, problem.upper_bounds), max_evaluations=1000,
            seed=seed_sequence(0, *problem.id.encode(), 0),
        )  # fmt: skip
        while not outside.stop_reasons():
            rows = outside.ask()
            outside.tell(rows, [problem(row) for row in rows])
        assert problem.constraint(outside.best_position).max() > 0  # it is the constraint


class Recorder:
    """A problem, noting where it is evaluated."""

    def __init__(self, problem):
        self.problem, self.rows = problem, []

    def __getattr__(self, name):
        return getattr(self.problem, name)

    def __call__(self, row):
        self.rows.append(np.array(row))
        return self.problem(row)


def test_random_search_sees_the_box_of_coco_as_cocos_does():
    _, suite = coco("bbob")
    from cocoex.solvers import random_search

    for problem in suite:
        hosts, ours = Recorder(problem), Recorder(problem)
        random_search(hosts, problem.lower_bounds, problem.upper_bounds, ROWS)
        Solver("random", budget_per_dim=ROWS // 2, seed=0)(ours)
        same_box(np.array(ours.rows), np.array(hosts.rows))


def test_bad_input_is_one_line():
    with pytest.raises(UnknownNameError, match="Did you mean 'icso'"):
        Solver("icsoo", budget_per_dim=10, seed=0)
    with pytest.raises(UnknownNameError, match="cso setting"):
        Solver("cso", budget_per_dim=10, seed=0, inertia=1.0)
    with pytest.raises(SettingError, match="budget_per_dim: expected an integer >= 1; got 0"):
        Solver(budget_per_dim=0, seed=0)
    with pytest.raises(SettingError, match="seed"):
        Solver(budget_per_dim=10, seed=-1)
    with pytest.raises(SettingError, match="a problem of ioh or cocoex; got function"):
        Solver(budget_per_dim=10, seed=0)(lambda x: 0.0)


def test_a_problem_of_ioh_that_is_none_for_swarms_is_refused_in_one_line():
    ioh = pytest.importorskip("ioh")
    problem = ioh.get_problem("OneMax", 1, 5, ioh.ProblemClass.PBO)
    with pytest.raises(SettingError, match=r"Solver, OneMax: .* got integer variables") as caught:
        Solver(budget_per_dim=10, seed=0)(problem)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("suite", "dims", "got"),
    [("bbob-biobj", 2, "2 objectives"), ("bbob-mixint", 5, "integer variables")],
)
def test_a_problem_of_coco_that_is_none_for_swarms_is_refused_in_one_line(suite, dims, got):
    _, problems = coco(suite, dimensions=dims)
    for problem in problems:
        with pytest.raises(SettingError, match=rf"Solver, {problem.id}: .* got {got}") as caught:
            Solver(budget_per_dim=10, seed=0)(problem)
        assert "\n" not in str(caught.value)
