"""The package for OptunaHub loads and runs as its registry's packages do."""

import functools
import re
import runpy
from pathlib import Path

import pytest

optunahub = pytest.importorskip("optunahub")

from swarmnas.integrations import SwarmSampler  # noqa: E402

REGISTRY = Path(__file__).parents[2] / "integrations" / "optunahub" / "package"
PACKAGE = REGISTRY / "samplers" / "swarmnas"


@pytest.mark.filterwarnings("ignore")
def test_the_example_runs_from_a_registry_on_the_disk(monkeypatch, capsys):
    local = functools.partial(optunahub.load_local_module, registry_root=str(REGISTRY))
    assert local("samplers/swarmnas").SwarmSampler is SwarmSampler
    monkeypatch.setattr(optunahub, "load_module", local)
    runpy.run_path(str(PACKAGE / "example.py"))
    (x,) = re.findall(r"\{'x': (.*)\}", capsys.readouterr().out)
    assert abs(float(x)) < 0.5


def test_the_package_says_what_the_registry_asks_for():
    head = (PACKAGE / "README.md").read_text(encoding="utf-8").split("---")[1]
    named = re.findall(r"^(\w+): \S", head, re.MULTILINE)
    assert named == ["author", "title", "description", "tags", "optuna_versions", "license"]
    assert "Apache License" in (PACKAGE / "LICENSE").read_text(encoding="utf-8")
