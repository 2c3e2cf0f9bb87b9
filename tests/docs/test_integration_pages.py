"""The Python on the pages about other tools runs, where those tools are installed."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PAGES = Path(__file__).resolve().parents[2] / "docs" / "how-to"
BLOCKS = [
    block
    for page in ("integrations.md", "cluster.md")
    for block in re.findall(r"```python\n(.*?)```", (PAGES / page).read_text("utf-8"), re.DOTALL)
]
PROGRAMS = [block for block in BLOCKS if re.search("LocalCluster|from ray|TensorBoard", block)]
"""What starts a cluster or a search: run as a user would, with the slow tests."""


def name_of(block):
    return block.split()[1].split(".")[0]


def skip_without_hosts(block):
    for host in re.findall(r"^(?:import|from) (\w+)", block, re.MULTILINE):
        if find_spec(host) is None:
            pytest.skip(f"{host} is not installed")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("block", [b for b in BLOCKS if b not in PROGRAMS], ids=name_of)
def test_the_python_on_the_page_runs(block, capsys, tmp_path, monkeypatch):
    skip_without_hosts(block)
    monkeypatch.chdir(tmp_path)
    exec(block, {"__name__": "page"})
    assert capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("block", PROGRAMS, ids=name_of)
def test_the_programs_on_the_page_run(block, tmp_path):
    skip_without_hosts(block)
    program = tmp_path / "program.py"
    program.write_text(block, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", program], cwd=tmp_path, capture_output=True, text=True,
        timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout
