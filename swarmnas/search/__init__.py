"""The search (torch): space, supernet, optimizer and policy in one resumable loop."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from swarmnas.search.config import SearchConfig, default_path, read_config

if TYPE_CHECKING:
    from swarmnas.search.loop import Loader, PhaseSummary, SearchResult, resume, run
    from swarmnas.search.pareto import Visited, visited_genotypes
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
    "Visited",
    "default_path",
    "rank_cells",
    "read_config",
    "rehearse",
    "resume",
    "run",
    "visited_genotypes",
]

_LAZY = {
    "loop": ("Loader", "PhaseSummary", "SearchResult", "resume", "run"),
    "pareto": ("Visited", "visited_genotypes"),
    "ranking": ("Ranking", "rank_cells"),
    "rehearsal": ("PhaseCost", "Rehearsal", "rehearse"),
}
"""Module -> its public names: they import torch, which takes seconds."""


def __getattr__(name: str) -> Any:
    for module, names in _LAZY.items():
        if name in names:
            return getattr(importlib.import_module(f"swarmnas.search.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
