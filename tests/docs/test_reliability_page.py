"""Every promise of the page names tests that exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def test_the_tests_that_hold_the_promises_exist():
    named = re.findall(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`", PAGE)
    assert len(named) > 30
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert not test or test in {getattr(node, "name", None) for node in tree.body}, test


def test_every_promise_names_its_test():
    promises = re.split(r"^- ", PAGE.partition("\n`perf/")[0], flags=re.M)[1:]
    for promise in promises:
        assert re.search(r"`(tests/|\.ci/)", promise), promise
