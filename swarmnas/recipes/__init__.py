"""Ready combinations of the parts: presets, and the code that wires them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from swarmnas.recipes.presets import load_preset, presets

if TYPE_CHECKING:
    from swarmnas.recipes.comparison import compare_with_random
    from swarmnas.recipes.selection import Candidate, search_and_select

__all__ = ["Candidate", "compare_with_random", "load_preset", "presets", "search_and_select"]

_LAZY = {"comparison": ("compare_with_random",), "selection": ("Candidate", "search_and_select")}
"""Module -> its public names: they import torch, which takes seconds."""


def __getattr__(name: str) -> Any:
    for module, names in _LAZY.items():
        if name in names:
            return getattr(importlib.import_module(f"swarmnas.recipes.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
