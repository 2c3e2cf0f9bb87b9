"""Pictures of a comparison; each function returns a matplotlib figure and shows nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from swarmnas.bench.results import Block, Results
from swarmnas.bench.statistics import (
    TARGETS,
    ecdf,
    expected_running_time,
    mean_ranks,
    pairwise_wilcoxon,
    performance_profile,
)
from swarmnas.checks import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "convergence",
    "critical_difference",
    "diversity",
    "profile",
    "solved_shares",
]

COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c6d31",
    "#7f3c8d", "#a5aa99",
)  # fmt: skip
"""The first seven are those of Okabe and Ito, which the colour-blind tell apart."""
DASHES = ("-", "--", "-.", ":")
COLUMNS = 4
FLOOR = 1e-16
"""No error is drawn below."""


def styles(labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return colour and dash for each label; they stay the same over all pictures."""
    looks = [(colour, dash) for dash in DASHES for colour in COLOURS]
    return {
        label: {"color": colour, "linestyle": dash}
        for label, (colour, dash) in zip(labels, cycle(looks), strict=False)
    }


def convergence(results: Results, *, num_dims: int) -> Figure:
    """Draw the median best error over evaluations with the quartiles as a band, a problem each."""

    def draw(axes: Axes, block: Block, name: str, style: dict[str, Any]) -> None:
        at, errors = results.curves(name, block, "error")
        floor = _floor(results, block)
        low, middle, high = np.clip(np.quantile(errors, [0.25, 0.5, 0.75], axis=0), floor, None)
        axes.plot(at, middle, lw=1.3, **style)
        axes.fill_between(at, low, high, alpha=0.15, lw=0, color=style["color"])
        axes.set_yscale("log")

    return _panels(results, num_dims, draw, "best error, median and quartiles")


def _floor(results: Results, block: Block) -> float:
    """Return where errors of 0 are drawn: a decade below the least other error."""
    finals = np.concatenate([results.errors(name, block) for name in results.optimizers])
    positive = finals[np.isfinite(finals) & (finals > 0)]
    return max(FLOOR, float(positive.min()) / 10) if len(positive) else FLOOR


def diversity(results: Results, *, num_dims: int) -> Figure | None:
    """Draw the swarms' diversity over evaluations; ``None`` where no optimizer has a swarm."""

    def known(name: str, block: Block) -> bool:
        return bool(np.isfinite(results.curves(name, block, "diversity")[1]).any())

    if not any(known(n, b) for b in results.blocks for n in results.optimizers):
        return None

    def draw(axes: Axes, block: Block, name: str, style: dict[str, Any]) -> None:
        at, values = results.curves(name, block, "diversity")
        seen = np.isfinite(values).any(axis=0)
        at, values = np.array(at)[seen], values[:, seen]
        if len(at):
            low, middle, high = np.nanquantile(values, [0.25, 0.5, 0.75], axis=0)
            axes.plot(at, middle, lw=1.3, **style)
            axes.fill_between(at, low, high, alpha=0.15, lw=0, color=style["color"])
        axes.axhline(0, color="0.8", lw=0.6)

    return _panels(results, num_dims, draw, "swarm diversity, median and quartiles")


def solved_shares(results: Results, *, num_dims: int) -> Figure:
    """Draw the share of (problem, target) pairs solved over evaluations a dimension (ECDF)."""
    blocks = [block for block in results.blocks if block.num_dims == num_dims]
    budget = max(block.budget for block in blocks) / num_dims
    at = np.logspace(math.log10(1 / num_dims), math.log10(budget) + 1, 120)
    figure, axes = _figure(6.4, 4.2)
    curves = {
        name: ecdf(results, name, num_dims=num_dims, at=at.tolist()) for name in results.optimizers
    }
    for name, style in styles(results.optimizers).items():
        axes.plot(at, curves[name], lw=1.6, label=name, **style)
    axes.axvline(budget, color="0.6", lw=0.8, ls=":")
    axes.text(budget, 1.01, "budget", ha="center", va="bottom", fontsize=8, color="0.4")
    axes.set(
        xscale="log",
        xlim=(at[0], at[-1]),
        ylim=(0, 1),
        xlabel="evaluations / dimension",
        ylabel=f"share of targets solved ({len(blocks)} x {len(TARGETS)})",
    )
    _legend(figure, axes)
    return figure


def profile(results: Results, *, num_dims: int) -> Figure:
    """Draw the performance profile of expected running times over all problems and targets."""
    blocks = [block for block in results.complete_blocks if block.num_dims == num_dims]
    costs = np.array(
        [
            [expected_running_time(results, n, block, t) for n in results.optimizers]
            for block in blocks
            for t in TARGETS
        ]
    )
    costs = costs[np.isfinite(costs).any(axis=1)]
    factors = np.logspace(0, 2, 100)
    figure, axes = _figure(6.4, 4.2)
    if len(costs):
        shares = performance_profile(costs, factors.tolist())
        for (name, style), share in zip(styles(results.optimizers).items(), shares, strict=True):
            axes.plot(factors, share, lw=1.6, label=name, **style)
    axes.set(
        xscale="log",
        xlim=(1, 100),
        ylim=(0, 1),
        xlabel="expected running time / that of the best optimizer",
        ylabel=f"share of {len(costs)} pairs that somebody solves",
    )
    _legend(figure, axes)
    return figure


def critical_difference(results: Results, table: Any, *, alpha: float = 0.05) -> Figure | None:
    """Draw mean ranks; a bar joins optimizers that pairwise tests do not tell apart.

    Args:
        results: The results.
        table: ``(blocks, optimizers)`` losses that are ranked.
        alpha: Level of the tests: signed-rank, corrected by Holm.

    Returns:
        ``None`` where there is nothing to compare: one optimizer, or one block.

    Raises:
        MissingDependencyError: scikit-posthocs is not installed.
    """
    if table.shape[0] < 2 or table.shape[1] < 2:
        return None
    posthocs = require(
        "scikit_posthocs", extra="stats", needed_by="the critical-difference diagram"
    )
    pandas = require("pandas", extra="stats", needed_by="the critical-difference diagram")
    names = results.optimizers
    p_values = pandas.DataFrame(pairwise_wilcoxon(table), index=names, columns=names)
    ranks = pandas.Series(mean_ranks(table), index=names)
    figure, axes = _figure(8.0, 1.2 + 0.22 * len(names))
    axes.grid(False)
    axes.spines["top"].set_visible(True)
    colours = {name: style["color"] for name, style in styles(names).items()}
    posthocs.critical_difference_diagram(
        ranks,
        p_values,
        alpha=alpha,
        ax=axes,
        label_fmt_left="{label} ({rank:.2f}) ",
        label_fmt_right=" ({rank:.2f}) {label}",
        label_props={"fontsize": 9},
        color_palette=colours,
        crossbar_props={"color": "0.3", "linewidth": 3, "marker": None},
        elbow_props={"linewidth": 1.2},
    )
    return figure


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    module = require("matplotlib.figure", extra="all", needed_by="pictures")
    figure = module.Figure(figsize=(width, height), layout="constrained", dpi=120)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, lw=0.6)
    return figure, axes


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize=9)


def _panels(
    results: Results,
    num_dims: int,
    draw: Callable[[Axes, Block, str, dict[str, Any]], None],
    quantity: str,
) -> Figure:
    blocks = [block for block in results.blocks if block.num_dims == num_dims]
    columns = min(COLUMNS, len(blocks))
    rows = -(-len(blocks) // columns)
    module = require("matplotlib.figure", extra="all", needed_by="pictures")
    height = 1.2 + 2.1 * rows
    figure: Figure = module.Figure(
        figsize=(max(6.4, 2.9 * columns), height), layout="constrained", dpi=120
    )
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_visible(False)
    looks = styles(results.optimizers)
    for axes, block in zip(grid.flat, blocks, strict=False):
        axes.set_visible(True)
        for name, style in looks.items():
            if results.runs(name, block):
                draw(axes, block, name, style)
        axes.set_title(block.problem, fontsize=9)
        axes.set_xscale("log")
        axes.set_xlim(1, block.budget)
        axes.minorticks_off()
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, lw=0.6)
    lines = require("matplotlib.lines", extra="all", needed_by="pictures")
    handles = [lines.Line2D([], [], label=name, **style) for name, style in looks.items()]
    longest = max(map(len, looks))
    wide = int(figure.get_figwidth() / (0.7 + 0.08 * longest))
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=max(1, min(len(looks), wide)),
        frameon=False,
        fontsize=9,
    )
    figure.supxlabel(f"evaluations, D={num_dims}", fontsize=9)
    figure.supylabel(quantity, fontsize=9)
    return figure
