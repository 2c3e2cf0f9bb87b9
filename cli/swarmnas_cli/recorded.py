"""What a search recorded, as its policy read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from swarmnas import documents
from swarmnas.errors import RunError
from swarmnas.phases import Decision, Policy, Signals
from swarmnas.runs import RunDirectory


@dataclass(frozen=True)
class Recorded:
    """A search on disk, finished or not.

    Args:
        policy: The one that drove it, as it was scaled.
        history: One record an epoch.
        decisions: One decision an epoch; the one that began the search is left out.
    """

    policy: Policy
    history: list[Signals]
    decisions: list[Decision]

    @classmethod
    def read(cls, path: Path) -> Recorded:
        """Read a run directory.

        Raises:
            RunError: It holds no search, or none that has finished an epoch.
        """
        run = RunDirectory.open(path)
        if "policy" not in run.config:
            raise RunError(
                f"{path}: expected the run of a search; got another kind of run. "
                "Name a directory that `swarmnas search` wrote."
            )
        source = str(path / "config.toml")
        policy = documents.validate(Policy, run.config["policy"], source=source)
        records = run.history()
        history = [Signals.from_json(r) for r in records if r.get("kind") == "epoch"]
        decided = [r for r in records if r.get("kind") == "decision" and r.get("epoch")]
        if not history:
            raise RunError(
                f"{path}: expected an epoch on record; got none. Let the search run longer."
            )
        return cls(policy, history, [Decision.from_json(r) for r in decided])
