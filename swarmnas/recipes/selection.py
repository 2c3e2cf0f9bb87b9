"""Several searches, one answer: train what each found, briefly, and keep the best by validation.

References:
    Liu, Simonyan and Yang, "DARTS", ICLR 2019, section 3.1: four searches, the best cell by its
    validation accuracy after a short training from scratch. Differs from the paper: the protocol
    is ours to choose ("quick"), and a cell that two seeds found is trained once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarmnas import documents
from swarmnas.atomic import replace_file
from swarmnas.checks import as_int, explain
from swarmnas.errors import RunError
from swarmnas.runs import Callback, RunDirectory
from swarmnas.search import SearchConfig, SearchResult, resume, run
from swarmnas.spaces import Genotype
from swarmnas.training import Protocol, TrainingConfig, load_protocol, train

__all__ = ["Candidate", "search_and_select"]


@dataclass(frozen=True)
class Candidate:
    """A genotype and how it did.

    Args:
        genotype: What was trained.
        searches: The searches that found it.
        valid_accuracy: After the brief training, on held-out training images, in [0, 1].
        valid_loss: There, in nats.
    """

    genotype: Genotype
    searches: tuple[SearchResult, ...]
    valid_accuracy: float
    valid_loss: float


def search_and_select(
    config: SearchConfig,
    *,
    seeds: int,
    out: Path | str,
    protocol: Protocol | None = None,
    overwrite: bool = False,
    callbacks: Sequence[Callback] = (),
    told: Callable[[Candidate], None] = lambda candidate: None,
) -> list[Candidate]:
    """Search with several seeds, train what they found alike, and order it, the best first.

    The same call again goes on with searches that were interrupted. A quarter of the training
    images is held out in the brief trainings unless the protocol holds out its own share; test
    images are not looked at.

    Args:
        config: Of the searches; its seed is the first.
        seeds: How many searches, >= 2.
        out: A directory: a run for each search and each training, and ``selection.json``, which
            ``swarmnas train`` takes as a genotype.
        protocol: How to train; "quick" by default.
        overwrite: Search anew what was searched before.
        callbacks: Told of every step and record of the searches.
        told: Called with each candidate as soon as it is trained.

    Raises:
        SettingError: ``seeds`` is out of range.
        RunError: A search of other settings is there.
    """
    seeds = as_int("seeds", seeds, low=2)
    home, found = Path(out), dict[Genotype, list[SearchResult]]()
    for seed in range(config.seed, config.seed + seeds):
        result = _search(
            config.model_copy(update={"seed": seed}), home / f"seed{seed}", overwrite, callbacks
        )
        found.setdefault(result.genotype, []).append(result)
    how, where = _brief(protocol or load_protocol("quick"), config), _training(config)
    candidates = []
    for genotype, results in found.items():
        path = home / f"train-{results[0].path.name}"
        last = train(genotype, where, how, out=path, overwrite=True).last
        accuracy, loss = last["valid_accuracy"], last["valid_loss"]
        candidates.append(Candidate(genotype, tuple(results), accuracy, loss))
        told(candidates[-1])
    candidates.sort(key=lambda candidate: (-candidate.valid_accuracy, candidate.valid_loss))
    _write(home / "selection.json", candidates, how)
    return candidates


def _search(
    config: SearchConfig, path: Path, overwrite: bool, callbacks: Sequence[Callback]
) -> SearchResult:
    """Search, or go on with the same search."""
    if overwrite or not (path / "config.toml").exists():
        return run(config, out=path, overwrite=overwrite, callbacks=callbacks)
    if RunDirectory.open(path).config.get("search") != config.to_mapping():
        raise RunError(
            explain(
                str(path),
                "a search of these settings",
                "one of others",
                "Use --overwrite or another name.",
            )
        )
    return resume(path, callbacks=callbacks)


def _brief(protocol: Protocol, config: SearchConfig) -> Protocol:
    changes: dict[str, Any] = {} if protocol.valid_share else {"valid_share": 0.25}
    if config.image_size is not None:
        changes["image_size"] = config.image_size
    return protocol.with_settings(changes)


def _training(config: SearchConfig) -> TrainingConfig:
    shared = TrainingConfig.model_fields.keys() & SearchConfig.model_fields.keys()
    return TrainingConfig(**{name: getattr(config, name) for name in shared})


def _write(path: Path, candidates: Sequence[Candidate], protocol: Protocol) -> None:
    """Write what was compared; ``swarmnas train`` reads the best genotype out of it."""
    best = candidates[0]
    content: dict[str, Any] = {
        "genotype": best.genotype.to_json(),
        "text": best.genotype.to_text(),
        "found": {
            "selected_from": sum(len(candidate.searches) for candidate in candidates),
            "by": "validation accuracy after a brief training from scratch",
            "valid_accuracy": best.valid_accuracy,
            "runs": [result.path.name for result in best.searches],
        },
        "protocol": protocol.to_mapping(),
        "candidates": [
            {
                "text": candidate.genotype.to_text(),
                "runs": [result.path.name for result in candidate.searches],
                "valid_accuracy": candidate.valid_accuracy,
                "valid_loss": candidate.valid_loss,
            }
            for candidate in candidates
        ],
    }
    replace_file(path, (documents.dump_json(content) + "\n").encode())
