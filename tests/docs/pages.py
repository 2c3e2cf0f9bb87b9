"""What the pages hold: their code, by language."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)


def python_blocks(page):
    """Return a page's Python: the code, whether it waits for the walk, and what it is to print."""
    text = page.read_text(encoding="utf-8")
    parts = re.split(r"^```(\w+)\n(.*?)^```$", text, flags=re.S | re.M)
    found = []
    for before, language, code, after, following, shown in zip(
        parts[0::3], parts[1::3], parts[2::3], parts[3::3], [*parts[4::3], ""], [*parts[5::3], ""],
        strict=False,
    ):  # fmt: skip
        if language == "python":
            told = following == "text" and re.search(r"prints:?\s*$", after)
            found.append((code, before.rstrip().endswith("<!-- walk -->"), shown if told else None))
    return found
