"""Candidates: what a search would answer and genotypes near it, trained briefly and compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import count, islice
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from swarmnas.errors import DivergenceError
from swarmnas.networks import Network
from swarmnas.search.building import build_sgd, rate_after
from swarmnas.search.config import SearchConfig
from swarmnas.search.gradients import Batch, assess, finite_step
from swarmnas.search.loaders import Images, Loader, set_epoch
from swarmnas.spaces import Genotype, Space

__all__ = ["LONGER", "Trained", "climb", "finalists", "neighbours", "train_candidate"]

LONGER = 3
"""How many times as long the finalists are trained."""

AT_ONCE, RIDGE, PROPOSALS = 4, 1.0, 1000
"""Candidates between two fits of the additive model, the penalty of the fit, and how many of its
proposals are looked at for some that may be judged."""


class Trained(NamedTuple):
    """What a candidate came to.

    Attributes:
        loss: On validation images, in nats; infinite if training diverged.
        accuracy: On them, in [0, 1].
        parameters: Of its network, those that the last step's gradient reached: what lies behind
            nodes without input counts for nothing.
        score: The loss less ``candidate_size_bonus`` for each e-fold of parameters; less is better.
    """

    loss: float
    accuracy: float
    parameters: float
    score: float


def climb(
    space: Space,
    starts: Sequence[Genotype],
    alphas: Mapping[str, np.ndarray[Any, Any]],
    judge: Callable[[Sequence[Genotype]], Sequence[float]],
    *,
    most: int,
    allowed: Callable[[Genotype], bool] = lambda genotype: True,
) -> dict[Genotype, float]:
    """Judge some genotypes, the neighbours of the best, and then what their scores speak for.

    An additive model gives each operation of each edge an effect, by ridge regression on all
    scores but for outliers, which are cut down. In turn it proposes the best few of what was not
    judged, and the likeliest neighbour of the best so far is judged, which the model may be wrong
    about.

    Args:
        space: The space of the genotypes.
        starts: Where to begin; what follows keeps the edges of the best of them.
        alphas: Cell name -> ``(E, O)`` logits, for the order of neighbours.
        judge: Gives a score for each of several genotypes; less is better.
        most: How many to judge; fewer if there are no more.
        allowed: Says which genotypes may be judged; the others are passed over.

    Returns:
        The scores, in the order in which they were had.

    References:
        A predictor that proposes what to train next, as in White, Neiswanger, Savani, "BANANAS",
        AAAI 2021, arXiv 1910.11858; ours is linear.
    """
    scores: dict[Genotype, float] = {}

    def judge_next(*proposals: tuple[Iterable[Genotype], int]) -> bool:
        new: list[Genotype] = []
        for proposed, limit in proposals:
            unknown = (one for one in proposed if one not in scores and one not in new)
            new += islice(filter(allowed, unknown), limit)
        new = new[: most - len(scores)]
        scores.update(zip(new, judge(new), strict=True))
        return bool(new)

    judge_next((dict.fromkeys(starts), most))
    centre = min(scores, key=scores.__getitem__, default=starts[0])
    judge_next((neighbours(space, centre, alphas), most))
    while scores:
        alike = {one: s for one, s in scores.items() if _kept(space, one) == _kept(space, centre)}
        best = min(alike, key=alike.__getitem__, default=centre)
        if not judge_next(
            (islice(_by_effects(space, alike), PROPOSALS), AT_ONCE - 1),
            (neighbours(space, best, alphas), 1),
        ):
            break
    return scores


def _kept(space: Space, genotype: Genotype) -> list[tuple[str, int]]:
    """Return the edges that a genotype keeps, each by its cell's name and its number."""
    rows = space.indices_of(genotype).items()
    return [(name, edge) for name, row in rows for edge in np.flatnonzero(row >= 0).tolist()]


def _by_effects(space: Space, scores: Mapping[Genotype, float]) -> Iterator[Genotype]:
    """Yield what genotypes of the same edges combine to, the least sum of effects first."""
    if not scores:
        return
    judged = [space.indices_of(genotype) for genotype in scores]
    kept = _kept(space, next(iter(scores)))
    rows = np.array([[columns[name][edge] for name, edge in kept] for columns in judged])
    width = int(rows.max()) + 1
    design = np.eye(width)[rows].reshape(len(rows), -1)
    losses = _without_outliers(np.array(list(scores.values())))
    gram = design.T @ design + RIDGE * np.eye(design.shape[1])
    effects = np.linalg.solve(gram, design.T @ (losses - losses.mean())).reshape(len(kept), width)
    choices = [np.unique(column) for column in rows.T]
    ordered = [
        ops[np.argsort(own[ops], kind="stable")] for own, ops in zip(effects, choices, strict=True)
    ]
    start = (0,) * len(kept)
    waiting = [(0.0, start)]
    met = {start}
    while waiting:
        total, places = heappop(waiting)
        columns = {name: row.copy() for name, row in judged[0].items()}
        for (name, edge), ops, place in zip(kept, ordered, places, strict=True):
            columns[name][edge] = ops[place]
        yield space.genotype_of(columns)
        for at, place in enumerate(places):
            after = (*places[:at], place + 1, *places[at + 1 :])
            if place + 1 < len(ordered[at]) and after not in met:
                met.add(after)
                more = effects[at, ordered[at][place + 1]] - effects[at, ordered[at][place]]
                heappush(waiting, (total + more, after))


def _without_outliers(losses: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return losses with those cut down that lie farther above the median than the best below.

    Example:
        >>> _without_outliers(np.array([3.0, math.inf, 1.0, 2.0])).tolist()
        [3.0, 3.0, 1.0, 2.0]
    """
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return np.zeros_like(losses)
    most = 2 * np.median(finite) - finite.min()
    return losses.clip(max=most)


def finalists(judged: int) -> int:
    """Return how many of so many candidates are trained anew and longer: an eighth, but three.

    It is successive halving (Jamieson and Talwalkar, AISTATS 2016) cut to two rounds.
    """
    return max(3, judged // 8)


def neighbours(
    space: Space, genotype: Genotype, alphas: Mapping[str, np.ndarray[Any, Any]]
) -> Iterator[Genotype]:
    """Yield the genotypes that differ from one in a single operation, the likeliest first.

    Args:
        space: Their space.
        genotype: Their middle; it keeps its edges.
        alphas: Cell name -> ``(E, O)`` logits. A neighbour is the likelier, the less its logit
            lies below that of the operation that it takes the place of.

    Example:
        >>> from swarmnas.spaces import create
        >>> space, rng = create("nasbench201"), np.random.default_rng(0)
        >>> genotype = space.random_genotype(rng)
        >>> len(list(neighbours(space, genotype, space.encode(genotype))))
        24
    """
    columns = space.indices_of(genotype)
    changes = [
        (alphas[name][edge, chosen] - alphas[name][edge, other], name, edge, other)
        for name, cell in space.cells.items()
        for edge, chosen in enumerate(columns[name])
        for other, operation in enumerate(cell.operations_of(edge))
        if chosen >= 0 and other != chosen and operation not in cell.excluded
    ]
    for _, name, edge, other in sorted(changes):
        changed = columns[name].copy()
        changed[edge] = other
        yield space.genotype_of({**columns, name: changed})


def train_candidate(
    genotype: Genotype,
    space: Space,
    config: SearchConfig,
    images: Images,
    valid: Callable[[], Iterable[Batch]],
    *,
    epochs: float,
    device: torch.device,
) -> Trained:
    """Train a genotype's network from scratch as the search trains its weights, and judge it.

    First weights, and what operations draw, come from torch's global generator.

    Args:
        genotype: What to train.
        space: Its space.
        config: The size of the network, and how weights are trained; the rate falls with every
            step.
        images: Those of the search; its training batches teach the weights.
        valid: Gives the batches that judge.
        epochs: Length of the training, rounded up to whole steps.
        device: Where to train.
    """
    network = Network(
        space,
        genotype,
        num_classes=images.num_classes,
        in_channels=images.in_channels,
        channels=config.network_channels or config.channels,
        cells=config.network_cells or config.cells,
    ).to(device)
    weights = list(network.parameters())
    sgd = build_sgd(config, weights)
    size = min(config.candidate_batch_size or config.batch_size, config.batch_size)
    steps = math.ceil(epochs * len(images.train) * math.ceil(config.batch_size / size))
    try:
        for step, (inputs, labels) in enumerate(islice(_pieces(images.train, size), steps)):
            for group in sgd.param_groups:
                group["lr"] = rate_after(config, step / steps)
            loss = functional.cross_entropy(network(inputs.to(device)), labels.to(device))
            sgd.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            norm = torch.nn.utils.clip_grad_norm_(weights, config.gradient_clip)
            finite_step("training loss", loss, norm)
            sgd.step()
    except DivergenceError:
        return Trained(math.inf, 0.0, _learning(weights), math.inf)
    network.eval()
    loss_sum, correct, judged = assess(network, valid())
    valid_loss, size = loss_sum / judged, _learning(weights)
    bonus = config.candidate_size_bonus * math.log(max(1, size))
    return Trained(valid_loss, correct / judged, size, valid_loss - bonus)


def _pieces(batches: Loader, size: int) -> Iterator[Batch]:
    """Yield the batches in pieces alike, of at most ``size`` images, epoch after epoch."""
    for epoch in count(1):
        set_epoch(batches, epoch)
        for images, labels in batches:
            pieces = math.ceil(len(labels) / size)
            yield from zip(images.tensor_split(pieces), labels.tensor_split(pieces), strict=True)


def _learning(weights: Sequence[torch.nn.Parameter]) -> int:
    """Return how many parameters have a gradient that is not all zero."""
    return sum(w.numel() for w in weights if w.grad is not None and bool(w.grad.any()))
