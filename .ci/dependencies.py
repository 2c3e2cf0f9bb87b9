"""Print the project's requirements, those for its tests included, without the named ones."""

import argparse
import re
import tomllib
from pathlib import Path

TEST_TOOLS = ("pytest", "pytest-timeout", "hypothesis", "ioh", "scikit-posthocs")

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--without", nargs="*", default=[])
parser.add_argument("--extras", nargs="*", help="print the requirements of these alone")
parser.add_argument("--lowest", action="store_true", help="pin each to its lower bound")
given = parser.parse_args()
without = set(given.without)

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
if given.extras is None:
    tests = [one for one in extras["dev"] if re.match(r"[A-Za-z0-9._-]+", one)[0] in TEST_TOOLS]
    requirements = project["dependencies"] + tests
else:
    requirements = [requirement for extra in given.extras for requirement in extras[extra]]
for requirement in requirements:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)[0]
    if name not in without:
        print(requirement.replace(">=", "==") if given.lowest else requirement)
