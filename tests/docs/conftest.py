"""What a page or an example registers is forgotten after its test."""

import pytest

from swarmnas.spaces import spaces


@pytest.fixture(autouse=True)
def forget_spaces(monkeypatch):
    monkeypatch.setattr(spaces, "_own", dict(spaces._own))
    monkeypatch.setattr(spaces, "_all", None)
