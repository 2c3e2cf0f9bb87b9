"""The search (torch): space, supernet, optimizer and policy in one resumable loop."""

from swarmnas.search.config import SearchConfig, read_config
from swarmnas.search.loop import (
    Loader,
    PhaseSummary,
    SearchResult,
    default_path,
    resume,
    run,
)

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
