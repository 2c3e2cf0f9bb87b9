"""The candidates of a search: what its last, short trainings found, round by round."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from swarmnas import documents
from swarmnas.spaces import Genotype, Space

__all__ = ["Candidate", "Round", "Tried", "read_tried", "rounds_of"]


class Tried(BaseModel):
    """What the record of a candidate holds."""

    model_config = ConfigDict(extra="ignore")

    genotype: str
    trained_epochs: float
    valid_loss: float
    valid_accuracy: float
    score: float


@dataclass(frozen=True)
class Candidate:
    """A genotype that was trained from scratch, as a reader is told of it.

    Args:
        change: How it differs from the first that was tried; in an unknown space, its text.
        loss: On validation images, in nats, and what is granted for the size of the network;
            "diverged" where it is infinite.
        accuracy: On them, in [0, 1].
        outcome: "the answer", "goes on", or nothing.
    """

    change: str
    loss: str
    accuracy: str
    outcome: str


@dataclass(frozen=True)
class Round:
    """Candidates that were trained equally long.

    Args:
        title: Which round, how many candidates, and how long each was trained.
        candidates: The best score first.
    """

    title: str
    candidates: tuple[Candidate, ...]


def read_tried(records: Iterable[Mapping[str, Any]], *, source: str) -> list[Tried]:
    """Return the candidates of a history, in the order in which they were trained.

    Raises:
        DocumentError: A record is malformed; the message names ``source``.
    """
    return [
        documents.validate(Tried, record, source=source)
        for record in records
        if record.get("kind") == "candidate"
    ]


def rounds_of(
    tried: Sequence[Tried], *, space: Space | None, first: str, answer: str | None
) -> list[Round]:
    """Return what was tried, a round for each length of training.

    Args:
        tried: In the order in which they were trained.
        space: Theirs; ``None`` if unknown.
        first: What to call the first that was tried.
        answer: Text of the genotype that the search found; ``None`` if it has not ended.
    """
    lengths = list(dict.fromkeys(one.trained_epochs for one in tried))
    groups = [[one for one in tried if one.trained_epochs == epochs] for epochs in lengths]
    rounds = []
    for number, group in enumerate(groups):
        later = {one.genotype for one in groups[number + 1]} if number + 1 < len(groups) else set()
        outcomes = dict.fromkeys(later, "goes on") or {answer or "": "the answer"}
        group.sort(key=lambda one: math.inf if math.isnan(one.score) else one.score)
        rounds.append(
            Round(
                f"Round {number + 1}: {len(group)} trained for {_epochs(lengths[number])} each",
                tuple(
                    Candidate(
                        first
                        if one.genotype == tried[0].genotype
                        else _change(tried[0].genotype, one.genotype, space),
                        _loss(one),
                        f"{one.valid_accuracy:.4f}",
                        outcomes.get(one.genotype, ""),
                    )
                    for one in group
                ),
            )
        )
    return rounds


def _loss(one: Tried) -> str:
    if math.isinf(one.valid_loss):
        return "diverged"
    bonus = one.valid_loss - one.score
    return f"{one.valid_loss:.4f}" + f" (less {bonus:.4f} for its size)" * (bonus > 0)


def _epochs(count: float) -> str:
    return f"{count:g} epoch{'s' * (count != 1)}"


def _change(old: str, new: str, space: Space | None) -> str:
    """Return the operations in which a genotype differs from another, edge by edge."""
    if space is None:
        return new
    was, now = (_operations(space.parse(text)) for text in (old, new))
    several = len(space.cells) > 1
    return "; ".join(
        f"{f'{cell}: ' * several}{operation} instead of "
        f"{was.get((cell, source, target), 'nothing')} from {source} to {target}"
        for (cell, source, target), operation in now.items()
        if was.get((cell, source, target)) != operation
    )


def _operations(genotype: Genotype) -> dict[tuple[str, int, int], str]:
    return {
        (cell, source, target): operation
        for cell, choices in genotype.cells
        for operation, source, target in choices
    }
