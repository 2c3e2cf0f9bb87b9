"""The Python on the page about own data works as it stands, and prints what the page says."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "own-data.md"


def test_the_page_works(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(block, names)
    printed = re.search(r"prints\n\n```text\n(.*?)```", text, flags=re.DOTALL)
    assert capsys.readouterr().out == printed[1]
    stripes = names["load_stripes"](data_dir=tmp_path, download=False)
    assert stripes.num_classes == 2
    assert len(stripes.test()) == 20
