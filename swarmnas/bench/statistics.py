"""The statistics of the field, on the results of a study.

References:
    Hansen et al., "COCO: a platform for comparing continuous optimizers in a black-box setting",
    OMS 36(1), 2021 (expected running time, simulated restarts). Demsar, "Statistical comparisons
    of classifiers over multiple data sets", JMLR 7, 2006 (Friedman, ranks). Benavoli, Corani and
    Mangili, "Should we really use post-hoc tests based on mean-ranks?", JMLR 17, 2016 (pairwise
    Wilcoxon). Holm, "A simple sequentially rejective multiple test procedure", 1979. Dolan and
    More, "Benchmarking optimization software with performance profiles", 2002.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from swarmnas.bench.results import Block, Results
from swarmnas.checks import one_of
from swarmnas.rng import generator

__all__ = [
    "TARGETS",
    "Against",
    "Friedman",
    "against",
    "ecdf",
    "expected_running_time",
    "friedman",
    "holm",
    "mean_ranks",
    "pairwise_wilcoxon",
    "performance_profile",
]

TARGETS: tuple[float, ...] = tuple((10.0 ** (np.arange(10, -41, -1) / 5)).tolist())
"""COCO's 51 errors: 1e2 down to 1e-8."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Friedman:
    """Friedman's test over blocks: do the optimizers differ at all?"""

    statistic: float
    p_value: float
    num_blocks: int


@dataclass(frozen=True)
class Against:
    """One optimizer against another on one block, by the rank sums of independent runs."""

    other: str
    block: Block
    p_value: float
    """Two-sided, after Holm over all comparisons of the call."""
    effect: float
    """Probability that a run of ours is better, ties half: 0.5 is no difference."""


def expected_running_time(results: Results, optimizer: str, block: Block, target: float) -> float:
    """Return all evaluations spent until success, divided by the number of successes.

    A run that never succeeds counts with all its evaluations; without any success the result is
    infinite.
    """
    runs = results.runs(optimizer, block)
    times = np.array([run.runtime(target) for run in runs])
    spent = np.array([run.evaluations for run in runs])
    successes = np.isfinite(times)
    if not successes.any():
        return math.inf
    return float(np.where(successes, times, spent).sum() / successes.sum())


def simulated_runtimes(
    results: Results, optimizer: str, block: Block, target: float, *, count: int, seed: int = 0
) -> Numbers:
    """Return runtimes ``(count,)`` of runs that are restarted until one succeeds.

    Runs are drawn with replacement; what the failing ones spent adds up. All infinite where no
    run succeeds.
    """
    runs = results.runs(optimizer, block)
    times = np.array([run.runtime(target) for run in runs])
    spent = np.array([run.evaluations for run in runs], dtype=float)
    successes = np.isfinite(times)
    if not successes.any():
        return np.full(count, math.inf)
    rng = generator(seed)
    totals, going = np.zeros(count), np.arange(count)
    while len(going):
        drawn = rng.integers(len(runs), size=len(going))
        totals[going] += np.where(successes[drawn], times[drawn], spent[drawn])
        going = going[~successes[drawn]]
    return totals


def ecdf(
    results: Results,
    optimizer: str,
    *,
    num_dims: int,
    at: Sequence[float],
    targets: Sequence[float] = TARGETS,
    restarts: int = 100,
    seed: int = 0,
) -> Numbers:
    """Return the share of (problem, target) pairs solved within ``at`` evaluations a dimension.

    Args:
        results: The results.
        optimizer: Its label.
        num_dims: Blocks of this size are pooled.
        at: Evaluations divided by ``num_dims``.
        targets: Errors.
        restarts: Simulated restarted runs for each pair, as COCO does; they equal the plain
            share of runs up to the shortest unsuccessful run, and go on beyond it.
        seed: Of the simulation.

    Returns:
        Shares in [0, 1], as many as ``at``.
    """
    blocks = [block for block in results.blocks if block.num_dims == num_dims]
    shares = np.zeros(len(at))
    for place, block in enumerate(blocks):
        for rank, target in enumerate(targets):
            times = simulated_runtimes(
                results,
                optimizer,
                block,
                target,
                count=restarts,
                seed=(seed * len(blocks) + place) * len(targets) + rank,
            )
            found = np.searchsorted(np.sort(times), np.asarray(at) * num_dims, side="right")
            shares += found / restarts
    return shares / (len(blocks) * len(targets))


def mean_ranks(table: Numbers) -> Numbers:
    """Return each column's mean rank over the rows of a table; 1 is best, ties share.

    Example:
        >>> mean_ranks(np.array([[0.1, 0.2, 0.2], [3.0, 1.0, 2.0]])).tolist()
        [2.0, 1.75, 2.25]
    """
    ranks: Numbers = stats.rankdata(table, axis=1).mean(axis=0)
    return ranks


def friedman(table: Numbers) -> Friedman | None:
    """Return Friedman's test of a table ``(blocks, optimizers)``.

    Returns:
        ``None`` for fewer than three optimizers or two blocks, for which the test is not defined.
    """
    if table.shape[0] < 2 or table.shape[1] < 3:
        return None
    if (mean_ranks(table) == (table.shape[1] + 1) / 2).all() and (table == table[:, :1]).all():
        return Friedman(0.0, 1.0, len(table))  # all tied everywhere
    found = stats.friedmanchisquare(*table.T)
    return Friedman(float(found.statistic), float(found.pvalue), len(table))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected by Holm's procedure, in their order.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda k: p_values[k])
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, k in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[k]))
        corrected[k] = largest
    return corrected


def pairwise_wilcoxon(table: Numbers) -> Numbers:
    """Return two-sided signed-rank p-values of all pairs of columns, corrected by Holm.

    Returns:
        ``(optimizers, optimizers)``, symmetric, 1 on the diagonal.
    """
    pairs = list(combinations(range(table.shape[1]), 2))
    corrected = holm([_signed_rank(table[:, a], table[:, b]) for a, b in pairs])
    matrix = np.ones((table.shape[1], table.shape[1]))
    for (a, b), p_value in zip(pairs, corrected, strict=True):
        matrix[a, b] = matrix[b, a] = p_value
    return matrix


def _signed_rank(first: Numbers, second: Numbers) -> float:
    # Infinite losses (failures) tie with each other and lose by more than any finite difference.
    both = np.isinf(first) & np.isinf(second)
    difference = np.where(both, 0.0, np.where(both, 0.0, first) - np.where(both, 0.0, second))
    if not difference.any():
        return 1.0
    finite = np.abs(difference[np.isfinite(difference)])
    beyond = 2 * finite.max(initial=1.0)
    difference = np.clip(difference, -beyond, beyond)
    return float(stats.wilcoxon(difference).pvalue)


def against(results: Results, name: str, *, precision: float = 0.0) -> list[Against]:
    """Test one optimizer against all others, block by block, on the final errors of all runs.

    Mann-Whitney's rank sum test, two-sided, for independent runs; Holm over all comparisons.

    Raises:
        UnknownNameError: No optimizer of the study has this label.
    """
    one_of("--against", name, results.optimizers)
    found = []
    for block in results.complete_blocks:
        ours = np.maximum(results.errors(name, block), precision)
        for other in results.optimizers:
            if other != name:
                theirs = np.maximum(results.errors(other, block), precision)
                ranks = stats.rankdata(np.concatenate([ours, theirs]))
                ours_ranked, theirs_ranked = ranks[: len(ours)], ranks[len(ours) :]
                p_value = 1.0
                if len(set(ranks.tolist())) > 1:
                    p_value = float(stats.mannwhitneyu(ours_ranked, theirs_ranked).pvalue)
                better = (ours_ranked[:, None] < theirs_ranked).mean()
                ties = (ours_ranked[:, None] == theirs_ranked).mean()
                found.append(Against(other, block, p_value, float(better + ties / 2)))
    corrected = holm([one.p_value for one in found])
    return [
        Against(one.other, one.block, p_value, one.effect)
        for one, p_value in zip(found, corrected, strict=True)
    ]


def performance_profile(costs: Numbers, factors: Sequence[float]) -> Numbers:
    """Return for each column the share of rows it solves within a factor of the best column.

    Args:
        costs: ``(rows, optimizers)``, for example expected running times; infinite if unsolved.
            Rows that nobody solves count.
        factors: Ratios to the row's best, >= 1.

    Returns:
        ``(optimizers, factors)`` shares in [0, 1].

    Example:
        >>> performance_profile(np.array([[1.0, 2.0], [4.0, np.inf]]), [1, 2]).tolist()
        [[1.0, 1.0], [0.0, 0.5]]
    """
    best = costs.min(axis=1, keepdims=True)
    solved = np.isfinite(costs)
    ratios = np.where(solved, costs, 1.0) / np.where(np.isfinite(best), best, 1.0)
    ratios = np.where(solved, ratios, math.inf)
    shares: Numbers = (ratios.T[:, None, :] <= np.asarray(factors)[:, None]).mean(axis=2)
    return shares
