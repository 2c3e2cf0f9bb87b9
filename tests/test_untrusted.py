"""Nothing of ours runs code that a file brings: no pickle, no evaluated text."""

import ast
from pathlib import Path

import pytest

import swarmnas
import swarmnas_cli

SOURCES = sorted(
    file
    for package in (swarmnas, swarmnas_cli)
    for file in Path(package.__file__).parent.rglob("*.py")
)
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
TRUSTED = {"nats_bench.py"}
"""Reads the official archives, which are pickles, and only if the user says `--trust`."""


def unsafe(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
            )
            yield from (name for name in names if name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            settings = {k.arg: ast.unparse(k.value) for k in node.keywords}
            if called in ("eval", "exec") or called.endswith(("read_pickle", "unsafe_load")):
                yield called
            if called == "torch.load" and settings.get("weights_only") != "True":
                yield "torch.load"
            if settings.get("allow_pickle", "False") != "False":
                yield "allow_pickle"
            if called in ("np.load", "numpy.load") and "allow_pickle" not in settings:
                yield called


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_no_source_unpickles_or_evaluates(file):
    found = list(unsafe(ast.parse(file.read_text(encoding="utf-8"))))
    assert found == (["torch.load"] if file.name in TRUSTED else [])
