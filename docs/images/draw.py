"""Draw the pictures of the README from the run of a search: terminal.svg and report.svg.

    python docs/images/draw.py runs/first-search

The terminal is what `swarmnas search` shows at its end; the report is taken from report.html as
Chromium draws it (needs chromium, chromedriver and selenium).
"""

import argparse
import io
import re
import shutil
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from selenium import webdriver

from swarmnas.reports import write_report
from swarmnas.runs import RunDirectory
from swarmnas_cli.live import READINGS
from swarmnas_cli.screen import Screen

HERE = Path(__file__).parent
COURSE, CELL, PLANE = (
    "svg[aria-label^='Course']",
    "svg[aria-label^='Cell']",
    "svg[aria-label^='The swarm']",
)
COPY = """
    const svg = document.querySelector(arguments[0]).cloneNode(true);
    const style = getComputedStyle(document.documentElement);
    const text = new XMLSerializer().serializeToString(svg);
    return text.replace(/var\\((--[a-z-]+)\\)/g, (_, name) => style.getPropertyValue(name).trim());
"""
STYLE = """<style>text{font:11px system-ui,sans-serif;fill:#1b1f24}.quiet-text{fill:#545d68}
.halo{paint-order:stroke;stroke:#fff;stroke-width:4px}.axis{stroke:#d5d9df}.ring{fill:none}
.curve{fill:none;stroke-width:2}h1{font-size:20px}</style>"""


def terminal(run: Path) -> str:
    """Return the live view after the last record, as SVG without fonts from elsewhere."""
    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    screen = Screen(console, READINGS)
    directory = RunDirectory.open(run)
    planned = directory.config["policy"]["epochs"]
    for record in directory.history():
        screen.on_record(record)
        if record["kind"] == "epoch":
            seconds = record["timing"]["seconds"]
            at = {"phase": record["phase"], "epoch": record["epoch"], "epochs": planned}
            screen.on_step({**at, "step": 1, "steps": 1, "seconds": seconds})
    console.print(f"$ swarmnas search --preset digits --out {run}\n", highlight=False)
    console.print(screen.live.renderable)
    text = console.export_svg(title="swarmnas search", theme=MONOKAI)
    return re.sub(r"@font-face \{.*?\}", "", text, flags=re.S)


def report(run: Path) -> str:
    """Return the course, the cell and the swarm of a report as one picture."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1000,900"):
        options.add_argument(flag)
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    browser = webdriver.Chrome(options=options, service=service)
    try:
        browser.get(write_report([run]).resolve().as_uri())
        parts = [browser.execute_script(COPY, selector) for selector in (COURSE, CELL, PLANE)]
    finally:
        browser.quit()
    sizes = [re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', part) for part in parts]
    width, height = (float(sizes[0][i]) for i in (1, 2))
    below, middle = height + 30, width * 0.42
    lower = max(float(size[2]) * s for size, s in zip(sizes[1:], (1.0, 0.62), strict=True))
    total = below + lower + 10
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -12 {width + 24:g} {total + 24:g}">',
        STYLE,
        f'<rect x="-12" y="-12" width="{width + 24:g}" height="{total + 24:g}" fill="#fff"/>',
        _placed(parts[0], 0, 0, width, height),
        f'<text x="0" y="{height + 20:g}" font-weight="600">the cell that was found</text>',
        f'<text x="{middle:g}" y="{height + 20:g}" font-weight="600">the swarm on a plane</text>',
        _placed(parts[1], 0, below, float(sizes[1][1]), float(sizes[1][2])),
        _placed(parts[2], middle, below, width - middle, lower),
        "</svg>",
    ]
    return "\n".join(drawn)


def _placed(part: str, x: float, y: float, width: float, height: float) -> str:
    part = re.sub(r' (style|tabindex|role|aria-\w+|class="decision"|data-\w+)="[^"]*"', "", part)
    part = re.sub(r"(\d+\.\d)\d+", r"\1", part)
    place = f'<svg x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" '
    return part.replace("<svg ", place + 'preserveAspectRatio="xMinYMin meet" ', 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    for name, text in (("terminal", terminal(run)), ("report", report(run))):
        (HERE / f"{name}.svg").write_text(text + "\n", encoding="utf-8")
        print(f"{name}.svg: {len(text):,} bytes")
