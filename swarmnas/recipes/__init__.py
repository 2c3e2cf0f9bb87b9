"""Ready combinations of the parts: presets, and the code that wires them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swarmnas.recipes.presets import load_preset, presets

if TYPE_CHECKING:
    from swarmnas.recipes.comparison import compare_with_random

__all__ = ["compare_with_random", "load_preset", "presets"]


def __getattr__(name: str) -> Any:
    if name != "compare_with_random":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from swarmnas.recipes.comparison import compare_with_random  # imports torch

    return compare_with_random
