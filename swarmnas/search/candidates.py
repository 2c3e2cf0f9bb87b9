"""Candidates: what a search would answer and genotypes near it, trained briefly and compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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

__all__ = ["LONGER", "Trained", "best_first", "finalists", "neighbours", "train_candidate"]

LONGER = 3
"""How many times as long the finalists are trained."""


class Trained(NamedTuple):
    """What a candidate came to.

    Attributes:
        loss: On validation images, in nats; infinite if training diverged.
        accuracy: On them, in [0, 1].
        parameters: Of its network.
    """

    loss: float
    accuracy: float
    parameters: float

    def score(self, size_bonus: float) -> float:
        """Return the loss less ``size_bonus`` nats for each e-fold of parameters."""
        return self.loss - size_bonus * math.log(self.parameters)


def best_first(
    answer: Genotype,
    near: Callable[[Genotype], Iterable[Genotype]],
    judge: Callable[[Sequence[Genotype]], Sequence[float]],
    *,
    most: int,
    allowed: Callable[[Genotype], bool] = lambda genotype: True,
) -> dict[Genotype, float]:
    """Judge a genotype and its neighbours, then those of the best that has not had its turn.

    Args:
        answer: Where to begin.
        near: Gives the neighbours of a genotype, the likeliest first.
        judge: Gives a score for each of several genotypes; less is better.
        most: How many to judge; fewer if there are no more.
        allowed: Says which genotypes may be judged; the others are passed over.

    Returns:
        The scores, in the order in which they were had.

    References:
        Best-first search as in White et al., "Local Search is State of the Art for Neural
        Architecture Search Benchmarks", arXiv 2005.02960, but for going on from a local optimum
        with the next best.

    Example:
        >>> near = {"b": "ac", "c": "bd", "a": "b", "d": "c"}.__getitem__
        >>> best_first("b", near, lambda names: [-ord(name) for name in names], most=3)
        {'b': -98, 'a': -97, 'c': -99}
    """
    scores: dict[Genotype, float] = {}
    ended: set[Genotype] = set()
    centre = answer
    while True:
        ended.add(centre)
        met = dict.fromkeys([centre, *near(centre)])
        new = [genotype for genotype in met if genotype not in scores and allowed(genotype)]
        new = new[: most - len(scores)]
        scores.update(zip(new, judge(new), strict=True))
        waiting = [genotype for genotype in scores if genotype not in ended]
        if len(scores) == most or not waiting:
            return scores
        centre = min(waiting, key=scores.__getitem__)


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
    parameters = sum(weight.numel() for weight in weights)
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
        return Trained(math.inf, 0.0, parameters)
    network.eval()
    loss_sum, correct, judged = assess(network, valid())
    return Trained(loss_sum / judged, correct / judged, parameters)


def _pieces(batches: Loader, size: int) -> Iterator[Batch]:
    """Yield the batches in pieces of at most ``size`` images, epoch after epoch."""
    for epoch in count(1):
        set_epoch(batches, epoch)
        for images, labels in batches:
            yield from zip(images.split(size), labels.split(size), strict=True)
