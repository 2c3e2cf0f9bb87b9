"""The report in a real browser: Chromium, headless, through selenium. Skips where they are absent.

axe-core is looked for where the variable AXE_CORE points (axe.min.js of the npm package).
"""

import os
import shutil
import time
from pathlib import Path

import pytest

from swarmnas.bench import Study, run
from swarmnas.bench.results import Results
from swarmnas.reports import compare, serving, write_page, write_report
from swarmnas.search.trace import MAX_GENERATIONS, MAX_PARTICLES
from tests.reports.searches import add_candidates, write_search

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

from perf.report import browser as chromium  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM or not DRIVER, reason="chromium or chromedriver is absent"),
]

SIZES = {"desktop": (1280, 900), "phone": (390, 844), "narrow phone": (320, 640)}


@pytest.fixture(scope="module")
def browser():
    driver = chromium()
    driver.set_script_timeout(120)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return the reports of searches by what they show."""
    home = tmp_path_factory.mktemp("runs")
    finished = write_search(home / "finished", space="darts", epochs=12)
    add_candidates(finished, [1 - at / 100 for at in range(40)], longer=[0.5, 0.4, 0.6])
    broken = write_search(home / "broken", epochs=12, stop_after=7)
    return {
        "finished": write_report([finished]),
        "broken off": write_report([broken]),
        "side by side": write_report([finished, broken], home / "both.html"),
    }


@pytest.fixture(scope="module")
def bench_page(tmp_path_factory):
    home = tmp_path_factory.mktemp("bench")
    problems, optimizers = ["sphere", "rastrigin", "ackley"], ["icso", "cso", "random"]
    study = {"problems": problems, "dims": [2], "optimizers": optimizers, "seeds": 2}
    store = run(Study.from_mapping({**study, "budget_per_dim": 50}), home / "store")
    comparison = compare(Results.read(store.path), rival="icso")
    return write_page(comparison, home / "report.html", title="Three optimizers")


@pytest.fixture(params=["finished", "broken off", "side by side"])
def page(request, pages):
    return pages[request.param]


@pytest.fixture(params=["finished", "broken off", "side by side", "bench"])
def any_page(request, pages, bench_page):
    return bench_page if request.param == "bench" else pages[request.param]


def opened(browser, path, size="desktop"):
    width, height = SIZES[size]
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": "phone" in size}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(Path(path).as_uri())
    ready = browser.execute_script("return document.documentElement.dataset.ready")
    assert ready == "yes" or not browser.find_elements(By.ID, "data")  # what draws itself has drawn


def moved(browser, slider, value):
    browser.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))",
        slider,
        value,
    )


def tip(browser):
    found = browser.find_element(By.ID, "tip")
    return found.text if found.is_displayed() else ""


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_wrong_on_the_console_and_nothing_sticks_out(browser, any_page, size):
    browser.get_log("browser")
    opened(browser, any_page, size)
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= SIZES[size][0]
    assert browser.find_elements(By.CSS_SELECTOR, "svg .curve, figure img")


def test_the_names_of_phases_are_whole_where_bands_are_narrow(browser, page):
    opened(browser, page, "narrow phone")
    for drawing in browser.find_elements(By.CSS_SELECTOR, "svg[aria-label^='Course']"):
        names = drawing.find_elements(By.CSS_SELECTOR, "g > text[font-weight]")
        known = ["warm-up", "exploration", "stability"]
        assert [name.text for name in names] in (known, known[:2])
        ends = [0.0, *(name.rect["x"] + name.rect["width"] for name in names)]
        assert all(name.rect["x"] >= end for name, end in zip(names, ends, strict=False))
        assert ends[-1] <= drawing.rect["x"] + drawing.rect["width"]


def test_sliders_move_the_alphas_and_the_swarm(browser, pages):
    opened(browser, pages["finished"])
    heat = lambda: browser.find_element(By.CSS_SELECTOR, ".heat tbody").text
    alphas = browser.find_element(By.ID, "run0-alphas")
    last = heat()
    moved(browser, alphas, 0)
    assert heat() != last
    assert alphas.get_attribute("aria-valuetext").startswith("1 of ")
    alphas.send_keys(Keys.ARROW_RIGHT)
    assert alphas.get_attribute("aria-valuetext").startswith("2 of ")
    moved(browser, alphas, 99)
    assert heat() == last
    dots = lambda: [
        (dot.get_attribute("cx"), dot.get_attribute("cy"))
        for dot in browser.find_elements(By.CSS_SELECTOR, ".particle")
    ]
    before = dots()
    moved(browser, browser.find_element(By.ID, "run0-swarm"), 0)
    assert len(dots()) == len(before)
    assert dots() != before


def test_decisions_tell_their_reasons_to_pointer_and_keyboard(browser, page):
    opened(browser, page)
    marks = browser.find_elements(By.CSS_SELECTOR, ".run:first-child .decision")
    reasons = [mark.get_attribute("aria-label") for mark in marks]
    assert all("epoch" in reason for reason in reasons)
    webdriver.ActionChains(browser).move_to_element(marks[2]).perform()
    assert tip(browser).splitlines()[0] in reasons[2]
    browser.execute_script("arguments[0].focus()", marks[0])
    assert tip(browser).splitlines()[0] in reasons[0]
    webdriver.ActionChains(browser).send_keys(Keys.ARROW_RIGHT).perform()
    assert browser.switch_to.active_element.get_attribute("aria-label") == reasons[1]
    assert tip(browser).splitlines()[0] in reasons[1]
    webdriver.ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    assert tip(browser) == ""


def test_curves_tell_their_readings(browser, page):
    opened(browser, page)
    drawing = browser.find_element(By.CSS_SELECTOR, "svg[aria-label^='Course']")
    webdriver.ActionChains(browser).move_to_element(drawing).perform()
    assert tip(browser).startswith("epoch ")
    assert "validation loss: " in tip(browser)


def test_the_theme_follows_the_system_and_switches(browser, any_page):
    for system, other in (("light", "dark"), ("dark", "light")):
        preference = {"features": [{"name": "prefers-color-scheme", "value": system}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", preference)
        opened(browser, any_page)
        colour = lambda: browser.execute_script(
            "return getComputedStyle(document.body).backgroundColor"
        )
        theme = lambda: browser.execute_script("return document.documentElement.dataset.theme")
        before = colour()
        assert theme() == system
        browser.find_element(By.ID, "theme").click()
        assert theme() == other
        assert colour() != before


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_no_serious_fault(browser, any_page, theme, size):
    script = os.environ.get("AXE_CORE")
    if not script:
        pytest.skip("AXE_CORE does not name axe.min.js of the npm package axe-core")
    preference = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", preference)
    opened(browser, any_page, size)
    browser.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    browser.execute_script(Path(script).read_text(encoding="utf-8"))
    found = browser.execute_async_script(
        "const done = arguments[0]; axe.run().then((found) => done(found.violations.map("
        "(fault) => [fault.impact, fault.id, fault.nodes[0].html, fault.nodes[0].failureSummary])))"
    )
    assert [fault for fault in found if fault[0] in ("serious", "critical")] == []


@pytest.fixture(scope="module")
def long_search(tmp_path_factory):
    """Return a page as large as 50 epochs can make it: all that a record keeps of a swarm."""
    path = tmp_path_factory.mktemp("runs") / "long"
    size = {"epochs": 50, "particles": MAX_PARTICLES, "generations": MAX_GENERATIONS}
    return write_report([write_search(path, space="darts", policy="swarm-only", **size)])


def test_a_long_darts_search_is_interactive_within_two_seconds(browser, long_search):
    assert long_search.stat().st_size < 8_000_000
    began = time.monotonic()
    opened(browser, long_search)  # returns when the page has drawn itself
    moved(browser, browser.find_element(By.ID, "run0-alphas"), 3)
    assert time.monotonic() - began < 2


def test_a_served_page_follows_its_search(browser, tmp_path):
    running = write_search(tmp_path / "running", epochs=12, stop_after=3)
    ahead = write_search(tmp_path / "ahead", epochs=12)
    state = lambda: browser.find_element(By.CSS_SELECTOR, ".status").text
    with serving(running) as address:
        browser.get(address)
        assert state() == "running"
        for name in ("genotype.json", "history.jsonl"):
            shutil.copy(ahead / name, running / name)
        WebDriverWait(browser, 60).until(lambda _: state() == "finished")
    assert browser.find_elements(By.CSS_SELECTOR, ".decision")
