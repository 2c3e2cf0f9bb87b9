"""The page on spaces of one's own: its code is the example, and the example runs."""

import re
import runpy
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_shows_the_example_and_what_it_prints(capsys):
    page = (DOCS / "how-to" / "own-space.md").read_text()
    blocks = re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL)
    example = DOCS / "examples" / "own_space.py"
    assert blocks[0] == ("python", example.read_text())
    runpy.run_path(str(example))
    assert blocks[1] == ("text", capsys.readouterr().out)
    compile(blocks[3][1], "own-space.md", "exec")
    assert blocks[4] == ("python", (DOCS / "examples" / "own_space_search.py").read_text())
