"""The spaces of the field, each as published, and the names under which they are created."""

from __future__ import annotations

from swarmnas.registry import Registry
from swarmnas.spaces.cell import Cell, Edge
from swarmnas.spaces.space import CellSpace, Space

__all__ = [
    "DARTS",
    "DARTS_S1",
    "DARTS_S2",
    "DARTS_S3",
    "DARTS_S4",
    "NASBENCH201",
    "available",
    "create",
    "spaces",
]

NASBENCH201 = CellSpace(
    "nasbench201",
    {
        "cell": Cell(
            num_inputs=1,
            num_nodes=4,
            edges=tuple(Edge(source, target) for target in range(1, 4) for source in range(target)),
            operations=("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"),
            output="last",
        )
    },
    layout="residual-stages",
)
"""NAS-Bench-201 (Dong and Yang, ICLR 2020, arXiv 2001.00326): argmax an edge, ``none`` included."""

_DARTS_OPERATIONS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)


def _darts_cell(
    operations: tuple[str, ...], edge_operations: tuple[tuple[str, ...], ...] | None = None
) -> Cell:
    """A cell of DARTS: two inputs, four nodes, two edges a node, never ``none``."""
    return Cell(
        num_inputs=2,
        num_nodes=6,
        edges=tuple(Edge(source, target) for target in range(2, 6) for source in range(target)),
        operations=operations,
        edge_operations=edge_operations,
        output="concat",
        edges_per_node=2,
        excluded=("none",) if "none" in operations else (),
    )


def _darts_space(name: str, operations: tuple[str, ...]) -> CellSpace:
    cell = _darts_cell(operations)
    return CellSpace(name, {"normal": cell, "reduce": cell}, layout="darts-stack")


def _pairs_cell(pairs: str) -> Cell:
    short = {
        "max": "max_pool_3x3",
        "avg": "avg_pool_3x3",
        "skip": "skip_connect",
        "sep3": "sep_conv_3x3",
        "dil3": "dil_conv_3x3",
        "dil5": "dil_conv_5x5",
    }
    rows = tuple(tuple(short[word] for word in pair.split("/")) for pair in pairs.split())
    used = {name for row in rows for name in row}
    return _darts_cell(tuple(name for name in _DARTS_OPERATIONS if name in used), rows)


DARTS = _darts_space("darts", _DARTS_OPERATIONS)
"""DARTS (Liu, Simonyan and Yang, ICLR 2019, arXiv 1806.09055)."""

DARTS_S1 = CellSpace(
    "darts-s1",
    {
        "normal": _pairs_cell(
            "skip/dil3 skip/dil5 skip/dil5 skip/sep3 skip/dil3 max/skip skip/sep3 "
            "skip/sep3 skip/dil3 skip/sep3 max/skip skip/dil3 dil3/dil5 dil3/dil5"
        ),
        "reduce": _pairs_cell(
            "max/avg max/dil3 max/avg max/avg skip/dil5 max/avg max/sep3 "
            "skip/dil3 skip/dil5 max/avg max/avg skip/dil5 skip/dil5 skip/dil5"
        ),
    },
    layout="darts-stack",
)
"""S1 of RobustDARTS (Zela et al., ICLR 2020, arXiv 1909.09656): two operations, by edge."""

DARTS_S2 = _darts_space("darts-s2", ("skip_connect", "sep_conv_3x3"))
"""S2 of RobustDARTS."""

DARTS_S3 = _darts_space("darts-s3", ("none", "skip_connect", "sep_conv_3x3"))
"""S3 of RobustDARTS."""

DARTS_S4 = _darts_space("darts-s4", ("noise", "sep_conv_3x3"))
"""S4 of RobustDARTS; ``noise`` replaces its input by N(0, 1) draws."""

spaces = Registry[Space](kind="space", holds=Space)
"""Every space by name; a plug-in's entry point names a :class:`Space` object."""

for _name, _attribute, _summary in (
    ("nasbench201", "NASBENCH201", "NAS-Bench-201: one cell, 6 edges, 5 operations."),
    ("darts", "DARTS", "DARTS: normal and reduction cell, 14 edges, 8 operations."),
    ("darts-s1", "DARTS_S1", "RobustDARTS S1: two operations an edge, chosen by edge."),
    ("darts-s2", "DARTS_S2", "RobustDARTS S2: skip connection or separable convolution."),
    ("darts-s3", "DARTS_S3", "RobustDARTS S3: S2 and 'none'."),
    ("darts-s4", "DARTS_S4", "RobustDARTS S4: noise or separable convolution."),
):
    spaces.add(_name, f"swarmnas.spaces.catalogue:{_attribute}", summary=_summary)


def create(name: str) -> Space:
    """Return the space of that name.

    Raises:
        UnknownNameError: No such space; the message names the nearest.
        PluginError: A plug-in registered something else than a space.

    Example:
        >>> create("darts").alpha_shapes
        {'normal': (14, 8), 'reduce': (14, 8)}
    """
    return spaces.load(name)


def available() -> dict[str, str]:
    """Return a one-line summary of every space by name."""
    return {name: entry.summary for name, entry in spaces.entries().items()}
