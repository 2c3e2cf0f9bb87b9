"""Print the project's requirements, those for its tests included, without the named ones."""

import argparse
import re
import sysconfig
import tomllib
from importlib import metadata
from pathlib import Path

TEST_TOOLS = ("pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "ioh", "scikit-posthocs")
BORROWED = re.compile(r"(torch|torchvision|triton|nvidia-.*|cuda-.*)")


def borrow(lender: Path) -> None:
    """Link torch and its libraries for graphics cards, gigabytes, into this environment."""
    here = Path(sysconfig.get_path("purelib"))
    there = lender / here.relative_to(here.parents[2])
    for package in metadata.distributions(path=[str(there)]):
        if BORROWED.fullmatch(package.name.lower()):
            for top in {file.parts[0] for file in package.files or () if file.parts[0] != ".."}:
                if not (here / top).exists():
                    (here / top).symlink_to(there / top)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--without", nargs="*", default=[])
parser.add_argument("--extras", nargs="*", help="print the requirements of these alone")
parser.add_argument("--lowest", action="store_true", help="pin each to its lower bound")
parser.add_argument("--borrow", type=Path, help="an environment to take torch from, as it is")
given = parser.parse_args()
if given.borrow:
    borrow(given.borrow.resolve())

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
if given.extras is None:
    tests = [one for one in extras["dev"] if re.match(r"[A-Za-z0-9._-]+", one)[0] in TEST_TOOLS]
    requirements = project["dependencies"] + tests
else:
    requirements = [requirement for extra in given.extras for requirement in extras[extra]]
for requirement in requirements:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)[0]
    pinned = given.lowest and not (given.borrow and BORROWED.fullmatch(name))
    if name not in given.without:
        print(requirement.replace(">=", "==") if pinned else requirement)
