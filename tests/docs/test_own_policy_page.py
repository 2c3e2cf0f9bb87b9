"""The page on policies of one's own, and the loop of one's own that it points to."""

import re
import runpy
from pathlib import Path

from swarmnas.phases import describe, load_policy, parse_policy

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "how-to" / "own-policy.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


def test_the_policy_on_the_page_is_valid():
    (text,) = [block for language, block in BLOCKS if language == "toml"]
    policy = parse_policy(text, source="mine.toml")
    assert [phase.name for phase in policy.phases] == ["warm-up", "exploration", "refinement"]


def test_the_python_on_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    written, own_trigger = [block for language, block in BLOCKS if language == "python"]
    exec(written, {})
    policy = load_policy("mine.toml")
    assert capsys.readouterr().out == "".join(f"{line}\n" for line in describe(policy))
    exec(own_trigger, {"__name__": "page"})
    assert ("text", capsys.readouterr().out) in BLOCKS


def test_a_loop_of_ones_own_goes_through_all_three_phases(capsys):
    path = DOCS / "examples" / "own_loop.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) < 60
    runpy.run_path(str(path), run_name="__main__")
    phases = [line.split()[1] for line in capsys.readouterr().out.splitlines()]
    assert list(dict.fromkeys(phases)) == ["warm-up:", "exploration:", "stability:"]
