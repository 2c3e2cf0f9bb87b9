"""Print the project's requirements, those for its tests included, without the named ones."""

import argparse
import re
import tomllib
from pathlib import Path

TEST_TOOLS = ("pytest", "pytest-timeout", "hypothesis", "ioh", "scikit-posthocs")

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--without", nargs="*", default=[])
parser.add_argument("--lowest", action="store_true", help="pin each to its lower bound")
given = parser.parse_args()
without = set(given.without)

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
for requirement in project["dependencies"] + project["optional-dependencies"]["dev"]:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)[0]
    tool = requirement in project["optional-dependencies"]["dev"] and name not in TEST_TOOLS
    if name not in without and not tool:
        print(requirement.replace(">=", "==") if given.lowest else requirement)
