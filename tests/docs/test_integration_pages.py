"""What starts a cluster or a search on the pages about other tools runs as a program."""

import re
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.docs.pages import PROGRAMS as PAGES
from tests.docs.pages import ROOT, python_blocks

PROGRAMS = [code for page in PAGES for code, walk, _ in python_blocks(ROOT / page) if walk]


@pytest.mark.slow
@pytest.mark.parametrize("code", PROGRAMS, ids=["ray", "tensorboard", "dask"])
def test_the_programs_on_the_page_run(code, tmp_path):
    for host in ("ray", "tensorboard", "distributed"):
        if re.search(rf"import {host}|from {host}", code, re.IGNORECASE) and not find_spec(host):
            pytest.skip(f"{host} is not installed")
    program = tmp_path / "program.py"
    program.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", program], cwd=tmp_path, capture_output=True, text=True,
        timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout
