"""Time the reports of searches in headless Chromium: how long until a page answers its user.

Run it as ``python perf/report.py runs/NAME ...``; it needs selenium, chromium and chromedriver. A
page is interactive once it has drawn itself, has answered a moved slider and has painted that. The
clock is the page's own and starts with the navigation; fastest and median of the rounds, since a
busy machine slows every one.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from selenium import webdriver

from swarmnas.reports import write_report

ANSWERED = """
const done = arguments[0], sliders = document.querySelectorAll("input[type=range]");
for (const slider of sliders) { slider.value = 0; slider.dispatchEvent(new Event("input")); }
requestAnimationFrame(() => setTimeout(() => done(performance.now())));
"""


def browser() -> webdriver.Chrome:
    """Return a headless Chromium."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("chromium-browser") or ""
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    return webdriver.Chrome(options=options, service=service)


def seconds_to_interactive(driver: webdriver.Chrome, page: Path) -> float:
    """Return the seconds from the navigation to a painted answer, after both sliders moved."""
    driver.get("about:blank")
    driver.get(page.as_uri())
    return float(driver.execute_async_script(ANSWERED)) / 1000


def main() -> None:
    """Print a line for each run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    driver = browser()
    try:
        print(f"Chromium {driver.capabilities['browserVersion']}, {given.rounds} rounds")
        for run in given.runs:
            with tempfile.TemporaryDirectory() as home:
                page = write_report([run], Path(home) / "report.html")
                rounds = [seconds_to_interactive(driver, page) for _ in range(given.rounds)]
                size = page.stat().st_size / 1e6
            fastest, median = min(rounds), statistics.median(rounds)
            print(f"{run.name}: {size:.2f} MB, {fastest:.2f} s at best, {median:.2f} s median")
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
