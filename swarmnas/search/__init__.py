"""The search (torch): space, supernet, optimizer and policy in one resumable loop."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from swarmnas.search.config import SearchConfig, default_path, read_config

if TYPE_CHECKING:
    from swarmnas.search.loop import Loader, PhaseSummary, SearchResult, resume, run
    from swarmnas.search.ranking import Ranking, rank_cells

__all__ = [
    "Loader",
    "PhaseSummary",
    "Ranking",
    "SearchConfig",
    "SearchResult",
    "default_path",
    "rank_cells",
    "read_config",
    "resume",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Both import torch, which takes seconds: only whoever searches waits for it.
    module = "ranking" if name in ("Ranking", "rank_cells") else "loop"
    return getattr(importlib.import_module(f"swarmnas.search.{module}"), name)
