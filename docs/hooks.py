"""How the site is put together: its order, the pages made of other files, the API reference.

Pages are picked up from where they lie; a section lists them by title. The front page is the
README, and the reference has a page for every public package, with every name of its ``__all__``:
a name that mkdocstrings cannot find, or that is not in the finished inventory, fails the build.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import textwrap
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

from swarmnas.errors import SwarmNASError

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"

ORDER = (
    ("Tutorial", "tutorial.md"),
    ("How to", "how-to"),
    ("Which optimizer when", "which-optimizer.md"),
    ("How it works", "explanation"),
    ("Reference", "reference"),
    ("Reliability", "reliability.md"),
    ("Performance", "performance"),
    ("Research", "research"),
)
"""Title and place of what the navigation has, in this order; what is not there is left out."""

COPIES = {
    "index.md": "README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
}
"""Page -> the file of the repository that it is."""

DEEPER = ("phases.triggers", "testing.phases")
"""Public modules inside packages; all other public names stand in their package's ``__all__``."""

_OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)*(?:LICENSE|swarmnas/|perf/|tests/)[^)]*\)")
"""A link to a file that is no page, which a site cannot follow."""


def on_config(config: Any) -> Any:
    """Order the navigation."""
    nav: list[Any] = [{"Home": "index.md"}]
    for title, place in ORDER:
        if place.endswith(".md") and (DOCS / place).exists():
            nav.append({title: place})
        elif (DOCS / place).is_dir():
            pages = sorted((DOCS / place).glob("*.md"), key=_title)
            entries: list[Any] = [str(page.relative_to(DOCS)) for page in pages]
            if place == "reference":
                entries.append({"API": [{name: _page(name)} for name in _modules()]})
            nav.append({title: entries})
    placed = {place for _, place in ORDER}
    others = [
        page.name for page in sorted(DOCS.glob("*.md"), key=_title) if page.name not in placed
    ]
    more = [page.name for page in others]
    config.nav = [*nav, *more, {"About": ["changelog.md", "contributing.md"]}]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made of other files."""
    for page, source in COPIES.items():
        text = (ROOT / source).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, page, content=text))
    for name in _modules():
        files.append(File.generated(config, _page(name), content=_reference(name)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links to the copied files to their pages; leave other files as plain code."""
    up = "../" * page.file.src_uri.count("/")
    for copy, source in COPIES.items():
        markdown = re.sub(rf"\]\((?:\.\./)*{source}(?=[)#])", f"]({up}{copy}", markdown)
    return _OUTSIDE.sub(r"\1", markdown)


def on_post_page(output: str, **_: Any) -> str:
    """Name the theme's search for screen readers, which it leaves without a name."""
    nameless = 'data-md-component="search" role="dialog"'
    return output.replace(nameless, nameless + ' aria-label="Search"')


def on_post_build(config: Any) -> None:
    """Fail if a public name is missing from what was built, or a link leads nowhere."""
    data = (Path(config.site_dir) / "objects.inv").read_bytes().split(b"\n", 4)[4]
    built = {line.split(" ")[0] for line in zlib.decompress(data).decode().splitlines()}
    missing = [f"{n}.{p}" for n in _modules() for p, target in _public(n) if target not in built]
    if missing:
        raise PluginError(f"public names without a place in the reference: {', '.join(missing)}")
    broken = list(_broken_links(Path(config.site_dir)))
    if broken:
        raise PluginError("links that lead nowhere: " + "; ".join(broken))


class _References(HTMLParser):
    """The targets of a page: what it links to, what it loads, and its own anchors."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.anchors: set[str | None] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {given.get("id"), given.get("name")}
        if tag == "a" and given.get("href"):
            self.links.add(str(given["href"]))
        elif given.get("src") or tag == "link":
            self.loads.add(str(given.get("src") or given.get("href")))


def _broken_links(site: Path) -> Iterator[str]:
    """Yield what leads nowhere in a built site, and what it would load from other hosts."""
    pages = {page: _References(page) for page in site.rglob("*.html") if page.name != "404.html"}
    for page, found in pages.items():
        for target in sorted(found.links | found.loads):
            url = urlsplit(target)
            where = f"{page.relative_to(site)}: {target}"
            if url.scheme or url.netloc:
                if target in found.loads and url.scheme != "data":
                    yield where
                continue
            file = (page.parent / unquote(url.path)).resolve() if url.path else page
            file = file / "index.html" if file.is_dir() else file
            anchors = (
                pages[file].anchors if url.fragment and file in pages else {unquote(url.fragment)}
            )
            if not file.exists() or unquote(url.fragment) not in anchors:
                yield where


def _title(page: Path) -> str:
    return page.read_text(encoding="utf-8").split("\n", 1)[0]


def _modules() -> list[str]:
    """Return the public modules: those directly inside the package, and the deeper ones."""
    import swarmnas

    found = [info.name for info in pkgutil.iter_modules(swarmnas.__path__)]
    modules = [f"swarmnas.{name}" for name in sorted([*found, *DEEPER])]
    return ["swarmnas", *(name for name in modules if _names(importlib.import_module(name)))]


def _names(module: ModuleType) -> list[str]:
    return [name for name in getattr(module, "__all__", []) if not name.startswith("_")]


def _public(name: str) -> list[tuple[str, str]]:
    """Return each public name of a module and where it is defined."""
    module, found = importlib.import_module(name), []
    for public in _names(module):
        try:
            target = getattr(module, public)
            own = getattr(target, "__qualname__", None) == public
            home = target.__module__ if own else name
        except SwarmNASError:  # it derives from a class of a library that is not installed
            home = module._LAZY[public]
        found.append((public, f"{home}.{public}"))
    return found


def _page(name: str) -> str:
    return f"reference/api/{name}.md"


def _reference(name: str) -> str:
    module = importlib.import_module(name)
    text, _, example = inspect.getdoc(module).partition("\nExample:\n")
    lines = [f"# {name}", "", text, ""]
    if example:
        lines += ["```python", textwrap.dedent(example).strip(), "```", ""]
    for _, target in _public(name):
        lines += [f"::: {target}", ""]
    return "\n".join(lines)
