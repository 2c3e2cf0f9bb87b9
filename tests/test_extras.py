"""Without an optional package, whatever needs it says in one line which extra brings it."""

import importlib
import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from swarmnas import problems
from swarmnas.bench import Study, run
from swarmnas.errors import MissingDependencyError
from swarmnas.problems import import_table

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]
EXTRAS = PROJECT["optional-dependencies"]


def _bench(optimizer):
    def use(path):
        study = {"problems": ["sphere"], "dims": [2], "optimizers": [optimizer], "budget": 40}
        run(Study.from_mapping({**study, "seeds": 1}), path / "store")

    return use


def _import(module):
    def use(path):
        importlib.import_module(module)

    return use


def _tracker(name, *arguments):
    def use(path):
        from swarmnas.integrations import trackers

        getattr(trackers, name)(*arguments)

    return use


def _nats(path):
    (path / "x.pickle.pbz2").write_bytes(b"")
    import_table(path / "x.pickle.pbz2", path / "t.csv", trust=True)


def _diagram(path):
    from swarmnas.bench import Results
    from swarmnas.reports.figures import critical_difference

    study = {"problems": ["sphere"], "dims": [2], "optimizers": ["cso", "pso"], "budget": 40}
    store = run(Study.from_mapping({**study, "seeds": 1}), path / "store")
    critical_difference(Results.read(store.path), np.array([[1.0, 2.0], [1.0, 2.0]]))


# Extra -> what is absent, and a use of it.
USES = {
    "bbob": ("ioh", lambda path: problems.create("bbob-f1", num_dims=2)),
    "nats": ("nats_bench", _nats),
    "optuna": ("optuna", _import("swarmnas.integrations.optuna")),
    "peers": ("pymoo", _bench("pymoo-pso")),
    "pymoo": ("pymoo", _import("swarmnas.integrations.pymoo")),
    "ray": ("ray", _import("swarmnas.integrations.ray")),
    "stats": ("scikit_posthocs", _diagram),
    "tensorboard": ("tensorboard", _tracker("TensorBoard", "logs")),
    "mlflow": ("mlflow", _tracker("MLflow")),
    "wandb": ("wandb", _tracker("WeightsAndBiases")),
}
EXECUTORS = {"dask", "mpi"}
"""What only brings an executor, which a user's own code imports."""
ELSEWHERE = {"onnx"}
"""Held by tests/training/test_export.py."""


@pytest.mark.parametrize("extra", USES)
def test_an_absent_package_names_its_extra_in_one_line(extra, tmp_path, monkeypatch):
    package, use = USES[extra]
    for module in [*sys.modules]:  # its own, and those of ours that found it earlier
        if module.partition(".")[0] == package or module.startswith("swarmnas.integrations."):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    with pytest.raises(MissingDependencyError) as raised:
        use(tmp_path)
    message = str(raised.value)
    assert "\n" not in message
    assert re.search(rf"Run: pip install 'swarmnas\[{extra}\]'\.$", message)


def test_every_extra_is_accounted_for():
    for_users = set(EXTRAS) - {"all", "dev", "docs"}
    assert for_users == {*USES, *EXECUTORS, *ELSEWHERE}
    everything = re.search(r"\[(.*)\]", EXTRAS["all"][0])[1].split(",")
    assert set(everything) == for_users
