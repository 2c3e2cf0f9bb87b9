"""Pictures of cells: nodes on a line, an arc for each kept edge with its operation's name."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swarmnas.atomic import replace_file, writing
from swarmnas.checks import explain
from swarmnas.errors import SettingError
from swarmnas.spaces import Cell, Choice, Genotype, Space

if TYPE_CHECKING:  # whoever draws nothing does not wait for matplotlib
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ENDINGS", "cell_figure", "cell_picture", "write_cell_picture"]

ENDINGS = ("svg", "png", "pdf")
"""The formats of pictures that are written."""

UNIT = 1.25
"""Inches between two nodes: a label's width, so that labels of neighbouring arcs do not touch."""
ROW = 0.42
"""Inches between the arcs over neighbours and those over one node more."""
COLOURS = {
    "none": "0.75",
    "skip": "#009e73",
    "max": "#e69f00",
    "avg": "#e69f00",
    "sep": "#0072b2",
    "dil": "#d55e00",
    "nor": "#0072b2",
}
"""Colour by the first word of an operation's name; black for others."""


def cell_figure(space: Space, genotype: Genotype) -> Figure:
    """Return a figure with a panel for each cell.

    Inputs are square, the cell's output is a diamond. An arc's height tells how many nodes it
    passes, so no two labels share a place. Edges that take ``none`` are dotted.

    Args:
        space: The space of the genotype.
        genotype: What to draw.

    Raises:
        SettingError: The genotype is of another space.

    Example:
        >>> from swarmnas.spaces import create, named_genotype
        >>> figure = cell_figure(create("darts"), named_genotype("DARTS_V2"))
        >>> [axes.get_title('left') for axes in figure.axes]
        ['normal', 'reduce']
    """
    from matplotlib.figure import Figure

    space.indices_of(genotype)
    cells = [(name, space.cells[name], genotype.choices(name)) for name, _ in genotype.cells]
    heights = [1.1 + ROW * _reach(choices) for _, _, choices in cells]
    widths = [UNIT * (cell.num_nodes + (cell.output == "concat")) for _, cell, _ in cells]
    figure = Figure(figsize=(max(widths), sum(heights)), layout="constrained")
    grid = figure.subplots(len(cells), 1, squeeze=False, height_ratios=heights)
    for axes, (name, cell, choices) in zip(grid.flat, cells, strict=True):
        axes.set_title(name, fontsize=10, loc="left")
        _draw(axes, cell, choices)
    return figure


def cell_picture(space: Space, genotype: Genotype, ending: str = "svg") -> bytes:
    """Return :func:`cell_figure` as the bytes of a file; the same genotype gives the same bytes.

    Args:
        space: The space of the genotype.
        genotype: What to draw.
        ending: One of ``ENDINGS``.

    Raises:
        SettingError: As :func:`cell_figure`, or for an unknown ending.
    """
    if ending not in ENDINGS:
        raise SettingError(
            explain("picture", f"one of .{', .'.join(ENDINGS)}", f".{ending}", "Change the ending.")
        )
    import matplotlib

    stream = BytesIO()
    dateless: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with matplotlib.rc_context({"svg.hashsalt": genotype.to_text()}):
        cell_figure(space, genotype).savefig(
            stream, format=ending, metadata=dateless.get(ending), dpi=150
        )
    return stream.getvalue()


def write_cell_picture(space: Space, genotype: Genotype, path: Path | str) -> None:
    """Write :func:`cell_picture` to a file whose ending says the format.

    Raises:
        SettingError: As :func:`cell_picture`, or the file cannot be written.
    """
    target = Path(path)
    picture = cell_picture(space, genotype, target.suffix.lstrip(".").lower())
    with writing(target.parent, error=SettingError):
        target.parent.mkdir(parents=True, exist_ok=True)
    replace_file(target, picture, error=SettingError)


def _reach(choices: tuple[Choice, ...]) -> int:
    return max(choice.target - choice.source for choice in choices)


def _draw(axes: Axes, cell: Cell, choices: tuple[Choice, ...]) -> None:
    reach = _reach(choices)
    last = cell.num_nodes - 1 + (cell.output == "concat")
    axes.set_xlim(-0.5, last + 0.5)
    axes.set_ylim(-0.9 if cell.output == "concat" else -0.5, reach + 0.4)
    axes.axis("off")
    for operation, source, target in choices:
        family = operation.split("_")[0]
        colour = COLOURS.get(family, "black")
        top = float(target - source)
        _arc(axes, source, target, top, color=colour, ls=":" if family == "none" else "-")
        axes.text(
            (source + target) / 2,
            top,
            operation,
            color=colour,
            fontsize=7.5,
            ha="center",
            va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
        )
    if cell.output == "concat":
        for node in range(cell.num_inputs, cell.num_nodes):
            _arc(axes, node, last, -0.7, color="0.75", ls="-")
    for node in range(last + 1):
        ends = node < cell.num_inputs, node == last
        shape = "s" if ends[0] else "D" if ends[1] else "o"
        axes.plot(node, 0, shape, ms=19, mfc="0.93" if any(ends) else "white", mec="black", mew=1.0)
        label = "out" if node == cell.num_nodes else str(node)
        axes.text(node, 0, label, ha="center", va="center", fontsize=8)


def _arc(axes: Axes, source: int, target: int, top: float, **style: Any) -> None:
    """Draw a curve that rises (or, for a negative ``top``, falls) to ``top`` between two nodes."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Curve

    # A cubic Bezier curve peaks at three quarters of its controls' height.
    points = [(source, 0.0), (source, top / 0.75), (target, top / 0.75), (target, 0.0)]
    curve = Curve(points, [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4])
    axes.add_patch(PathPatch(curve, fill=False, lw=1.2, zorder=0, **style))
