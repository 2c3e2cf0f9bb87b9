"""The search (torch): space, supernet, optimizer and policy in one resumable loop."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from swarmnas.search.config import SearchConfig, default_path, read_config

if TYPE_CHECKING:
    from swarmnas.search.loop import Loader, PhaseSummary, SearchResult, resume, run
    from swarmnas.search.ranking import Ranking, rank_cells
    from swarmnas.search.rehearsal import PhaseCost, Rehearsal, rehearse

__all__ = [
    "Loader",
    "PhaseCost",
    "PhaseSummary",
    "Ranking",
    "Rehearsal",
    "SearchConfig",
    "SearchResult",
    "default_path",
    "rank_cells",
    "read_config",
    "rehearse",
    "resume",
    "run",
]

_MODULES = {
    "Ranking": "ranking",
    "rank_cells": "ranking",
    "PhaseCost": "rehearsal",
    "Rehearsal": "rehearsal",
    "rehearse": "rehearsal",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # They import torch, which takes seconds: only whoever searches waits for it.
    module = _MODULES.get(name, "loop")
    return getattr(importlib.import_module(f"swarmnas.search.{module}"), name)
