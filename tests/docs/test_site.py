"""The site's build fails where the reference lacks a public name or a link leads nowhere."""

import importlib.util
import types
import zlib

import pytest

from tests.docs.pages import DOCS

exceptions = pytest.importorskip("mkdocs.exceptions", reason="swarmnas[docs] is not installed")


@pytest.fixture
def hooks():
    spec = importlib.util.spec_from_file_location("hooks", DOCS / "hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def site(tmp_path):
    """Return a maker of built sites: the names in the inventory, and the text of a page."""

    def make(names, page=""):
        entries = "".join(f"{name} py:function 1 x.html -\n" for name in names).encode()
        (tmp_path / "objects.inv").write_bytes(b"1\n2\n3\n4\n" + zlib.compress(entries))
        (tmp_path / "index.html").write_text(f'<h1 id="top">Page</h1>{page}')
        return types.SimpleNamespace(site_dir=str(tmp_path))

    return make


def test_a_public_name_that_is_missing_fails_the_build(hooks, site, monkeypatch):
    monkeypatch.setattr(hooks, "_modules", lambda: ["swarmnas.rng"])
    whole = [target for _, target in hooks._public("swarmnas.rng")]
    assert "swarmnas.rng.generator" in whole
    hooks.on_post_build(site(whole))
    with pytest.raises(exceptions.PluginError, match=r"without a place.*: swarmnas\.rng\.gen"):
        hooks.on_post_build(site([name for name in whole if name != "swarmnas.rng.generator"]))


@pytest.mark.parametrize(
    "link", ["nowhere.html", "#nowhere", "index.html#nowhere", "missing/picture.svg"]
)
def test_a_link_that_leads_nowhere_fails_the_build(hooks, site, monkeypatch, link):
    monkeypatch.setattr(hooks, "_modules", list)
    hooks.on_post_build(site([], '<a href="index.html#top">up</a> <a href="#top">up</a>'))
    with pytest.raises(exceptions.PluginError, match="lead nowhere"):
        hooks.on_post_build(site([], f'<a href="{link}">on</a>'))


def test_a_page_loads_nothing_from_other_hosts(hooks, site, monkeypatch):
    monkeypatch.setattr(hooks, "_modules", list)
    with pytest.raises(exceptions.PluginError, match="example"):
        hooks.on_post_build(site([], '<script src="https://host.example/x.js"></script>'))
