"""Ready combinations of the parts: presets, and the code that wires them."""

from swarmnas.recipes.comparison import compare_with_random
from swarmnas.recipes.presets import load_preset, presets

__all__ = ["compare_with_random", "load_preset", "presets"]
