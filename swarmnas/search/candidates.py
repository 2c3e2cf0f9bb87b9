"""Candidates: what a search would answer and its neighbours, trained briefly and compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from swarmnas.errors import DivergenceError
from swarmnas.networks import Network
from swarmnas.search.building import build_sgd, rate_after
from swarmnas.search.config import SearchConfig
from swarmnas.search.gradients import Batch, assess, finite_step
from swarmnas.search.loaders import Images, set_epoch
from swarmnas.spaces import Genotype, Space

__all__ = ["FINALISTS", "LONGER", "neighbours", "train_candidate"]

FINALISTS, LONGER = 3, 3
"""How many candidates are trained anew, and how many times as long: successive halving (Jamieson
and Talwalkar, AISTATS 2016) cut to two rounds."""


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
    epochs: int,
    device: torch.device,
) -> tuple[float, float]:
    """Train a genotype's network from scratch as the search trains its weights, and judge it.

    First weights, and what operations draw, come from torch's global generator.

    Args:
        genotype: What to train.
        space: Its space.
        config: The size of the network, and how weights are trained; the rate falls with every
            step.
        images: Those of the search; its training batches teach the weights.
        valid: Gives the batches that judge.
        epochs: Length of the training.
        device: Where to train.

    Returns:
        Validation loss in nats, infinite if training diverged, and accuracy in [0, 1].
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
    steps = epochs * len(images.train)
    try:
        for epoch in range(epochs):
            set_epoch(images.train, epoch + 1)
            for at, (inputs, labels) in enumerate(images.train):
                progress = (epoch * len(images.train) + at) / steps
                for group in sgd.param_groups:
                    group["lr"] = rate_after(config, progress)
                loss = functional.cross_entropy(network(inputs.to(device)), labels.to(device))
                sgd.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                norm = torch.nn.utils.clip_grad_norm_(weights, config.gradient_clip)
                finite_step("training loss", loss, norm)
                sgd.step()
    except DivergenceError:
        return math.inf, 0.0
    network.eval()
    loss_sum, correct, count = assess(network, valid())
    return loss_sum / count, correct / count
