"""The search (torch): space, supernet, optimizer and policy in one resumable loop."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from swarmnas.search.config import SearchConfig, default_path, read_config

if TYPE_CHECKING:
    from swarmnas.search.loop import Loader, PhaseSummary, SearchResult, resume, run

__all__ = [
    "Loader",
    "PhaseSummary",
    "SearchConfig",
    "SearchResult",
    "default_path",
    "read_config",
    "resume",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # The loop imports torch, which takes seconds: only whoever searches waits for it.
    return getattr(importlib.import_module("swarmnas.search.loop"), name)
