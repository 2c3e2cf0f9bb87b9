"""What a search recorded, as its policy read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from swarmnas.errors import RunError
from swarmnas.phases import Decision, Policy, Signals
from swarmnas.reports import SearchRecords
from swarmnas.reports.candidates import Round


@dataclass(frozen=True)
class Recorded:
    """A search on disk, finished or not.

    Args:
        policy: The one that drove it, as it was scaled.
        history: One record an epoch.
        decisions: One decision an epoch; the one that began the search is left out.
        rounds: The candidates that it trained at its end, if it did.
    """

    policy: Policy
    history: list[Signals]
    decisions: list[Decision]
    rounds: list[Round]

    @classmethod
    def read(cls, path: Path) -> Recorded:
        """Read a run directory.

        Raises:
            RunError: It holds no search, or none that has finished an epoch.
        """
        run = SearchRecords(path)
        if not run.signals:
            raise RunError(
                f"{path}: expected an epoch on record; got none. Let the search run longer."
            )
        decided = [decision for epoch, decision in run.decisions if epoch]
        return cls(run.policy, run.signals, decided, run.rounds)
