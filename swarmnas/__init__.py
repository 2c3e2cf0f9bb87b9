"""swarmnas: shift gears between gradient and swarm.

Importing this package imports neither torch nor matplotlib; parts load when first used.
"""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import Any

__version__ = version("swarmnas")

_LAZY = {
    "load_network": "swarmnas.training:load_network",
    "minimize": "swarmnas.optimizers:minimize",
}
"""Public name -> where it lives; imported on first use."""

__all__ = ["__version__", *_LAZY]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'swarmnas' has no attribute {name!r}")
    module, _, attribute = _LAZY[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
