"""A run closes what it opens."""

import os

import pytest

from tests.small_runs import benched, searched, trained

OPEN = "/proc/self/fd"


@pytest.mark.skipif(not os.path.isdir(OPEN), reason=f"counts files in {OPEN}")
@pytest.mark.parametrize("run", [searched, trained, benched])
def test_a_run_leaves_no_file_open(tmp_path, run):
    if run is not benched:
        pytest.importorskip("torch")
    run(tmp_path / "first")  # what libraries open once and keep
    before = len(os.listdir(OPEN))
    for name in ("second", "third"):
        run(tmp_path / name)
    assert len(os.listdir(OPEN)) == before
