"""What the pages hold: their code, by language, and which of their commands no test runs."""

import re
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

SHELL = ("console", "sh")

NOT_RUN = [
    ("*", "make ", "makes an environment of gigabytes; .ci/run runs these"),
    ("*", ".ci/", "fetches packages of gigabytes"),
    ("*", "torchrun ", "needs several GPUs"),
    ("*", "mpiexec ", "needs an MPI"),
    ("*", "swarmnas .* --cluster ray", "needs a cluster; tests/integrations has one of Ray's"),
    ("*", "swarmnas .* --device cuda", "needs a GPU"),
    ("*", "swarmnas .* --download", "fetches a data set"),
    ("*", "swarmnas .* --protocol darts-imagenet", "takes a GPU and days"),
    ("docs/how-to/darts.md", "swarmnas .* --preset darts-cifar10", "needs CIFAR-10"),
    ("docs/performance/*", "", "measures for minutes to hours; the page holds what was printed"),
    ("docs/research/*", "", "measures for minutes to days; the page holds what was printed"),
]
"""Pages, the beginning of commands there, and why no test runs them; all else is walked."""

PROGRAMS = ("docs/how-to/integrations.md", "docs/how-to/cluster.md")
"""Pages whose programs need other tools: test_integration_pages.py runs them."""


def name(page):
    return str(page.relative_to(ROOT))


def fenced(page):
    """Return a page's blocks of code in order, as pairs of language and text."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.S | re.M)


def blocks(page, language):
    return [code for found, code in fenced(page) if found == language]


def commands(block):
    """Return the commands of a block as typed, in one line each."""
    lines = block.replace("\\\n", " ").splitlines()
    bare = (re.sub(r"(^|\s)#.*", "", line).removeprefix("$ ") for line in lines)
    return [" ".join(line.split()) for line in bare if line.strip()]


def shell_commands(page):
    return [step for language, code in fenced(page) if language in SHELL for step in commands(code)]


def left_out(page, command):
    """Return the entry of ``NOT_RUN`` that keeps a command out of the walk, if there is one."""
    for entry in NOT_RUN:
        if fnmatch(name(page), entry[0]) and re.match(entry[1], command):
            return entry
    return None


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


WALKED = [page for page in PAGES if not all(left_out(page, step) for step in shell_commands(page))]
"""Pages with a command that test_walk.py runs; it runs all else on them too."""
