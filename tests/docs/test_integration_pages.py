"""The Python on the pages about other tools runs, where those tools are installed."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

PAGES = Path(__file__).resolve().parents[2] / "docs" / "how-to"
BLOCKS = [
    block
    for page in ("integrations.md", "cluster.md")
    for block in re.findall(r"```python\n(.*?)```", (PAGES / page).read_text("utf-8"), re.DOTALL)
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split()[1].split(".")[0])
def test_the_python_on_the_page_runs(block, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for host in re.findall(r"^(?:import|from) (\w+)", block, re.MULTILINE):
        if find_spec(host) is None:
            pytest.skip(f"{host} is not installed")
    exec(block, {"__name__": "page"})
    assert capsys.readouterr().out
