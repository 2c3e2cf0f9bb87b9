"""The report: one page that needs nothing else, pictures, notices on top, a LaTeX table."""

from html.parser import HTMLParser

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

from swarmnas.bench import Study, run
from swarmnas.bench.results import Results
from swarmnas.errors import SettingError, UnknownNameError
from swarmnas.reports import compare, latex_table, write_page, write_pictures

STUDY = {
    "problems": ["sphere", "rastrigin", "ackley"],
    "dims": [2],
    "optimizers": ["cso", "pso", {"name": "random", "label": "by <chance>"}],
    "seeds": 4,
    "budget_per_dim": 100,
    "tuning": [8],
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return run(Study.from_mapping(STUDY), tmp_path_factory.mktemp("reports") / "store")


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.links = [], []

    def handle_starttag(self, tag, attrs):
        self.links += [value for key, value in attrs if key in ("src", "href")]
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_refers_to_nothing_elsewhere(store, tmp_path):
    comparison = compare(Results.read(store.path), rival="cso")
    page = write_page(comparison, tmp_path / "report.html", title="A & B").read_text()
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.links
    assert all(link.startswith("data:") for link in tags.links)
    assert "<title>A &amp; B</title>" in page
    assert "by &lt;chance&gt;" in page
    assert "cso against the others" in page
    assert f"{comparison.friedman.statistic:.3f}" in page
    assert 'class="notice"' not in page
    assert "numpy" in page


def test_pictures_are_drawn_for_every_size_and_alike_each_time(store, tmp_path):
    first, again = (compare(Results.read(store.path)) for _ in range(2))
    names = {path.name for path in write_pictures(first, tmp_path)}
    wanted = {"ecdf", "profile", "convergence", "diversity"}
    assert {
        f"{name}-D{d}.{end}" for name in wanted for d in (2,) for end in ("png", "svg")
    } <= names
    assert all(path.stat().st_size > 2000 for path in tmp_path.iterdir())
    for name in first.figures:
        assert first.picture(name, "svg") == again.picture(name, "svg")


def test_a_report_says_on_top_that_it_mixes_instances(store, tmp_path):
    comparison = compare(Results.read(store.path, instances="all"))
    page = write_page(comparison, tmp_path / "report.html", title="x").read_text()
    notice = page.index("mixes the tuning instances 8 with the reporting instances 1")
    assert notice < page.index("<h2>")
    assert "tuning instances 8" in compare(Results.read(store.path, instances="tuning")).notices[0]
    both = Study.from_mapping({**STUDY, "reporting": [1, 8]})
    found = Results(both, store.history())
    assert "8 are both tuned and reported" in " ".join(compare(found).notices)


def test_what_is_missing_or_failed_is_said(store):
    records = [dict(record) for record in store.history()]
    records[0] |= {"status": "failed", "error": "ValueError: a reason"}
    notices = compare(Results(Study.from_mapping(STUDY), records[:-20])).notices
    assert any("not complete" in notice for notice in notices)
    assert any("1 runs failed" in notice and "a reason" in notice for notice in notices)


def test_one_optimizer_alone_and_unknown_rivals(tmp_path):
    study = Study.from_mapping({**STUDY, "optimizers": ["cso"], "problems": ["sphere"]})
    comparison = compare(Results.read(run(study, tmp_path / "one").path))
    assert comparison.friedman is None
    assert "critical-difference" not in comparison.figures
    assert write_page(comparison, tmp_path / "report.html", title="one").exists()
    with pytest.raises(UnknownNameError, match="cso"):
        compare(comparison.results, rival="cs")
    with pytest.raises(SettingError, match="tabular"):
        compare(comparison.results, reveal_test="cifar10_test_200")


def test_the_latex_table_has_a_row_a_block_and_escapes(store):
    text = latex_table(compare(Results.read(store.path)))
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 1 + 3 + 1
    assert {row.count("&") for row in rows} == {4}
    assert text.count(r"\textbf") >= 3
