"""Presets: the TOML files beside this module, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from swarmnas.checks import one_of
from swarmnas.search import read_config

__all__ = ["load_preset", "presets"]

presets = sorted(path.stem for path in Path(__file__).parent.glob("*.toml"))
"""The names of all presets."""


def load_preset(name: str) -> dict[str, Any]:
    """Return the settings of a preset.

    Raises:
        UnknownNameError: There is none of that name.

    Example:
        >>> load_preset("digits")["space"]
        'nasbench201'
    """
    return read_config(Path(__file__).with_name(f"{one_of('preset', name, presets)}.toml"))
