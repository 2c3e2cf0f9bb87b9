"""Where the development data lie: beside the repository, or where SWARMNAS_SHARED says."""

import os
from pathlib import Path

import pytest


def shared_file(name: str) -> Path:
    """Return the path of a development data file; skip the test where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    path = Path(os.environ.get("SWARMNAS_SHARED", beside)) / "data" / name
    if not path.exists():
        pytest.skip(f"needs the development data file {name}")
    return path
