"""Pictures and pages from records."""

from swarmnas.reports.cells import cell_figure, cell_picture, write_cell_picture
from swarmnas.reports.comparison import (
    Comparison,
    compare,
    latex_table,
    reveal,
    write_page,
    write_pictures,
)

__all__ = [
    "Comparison",
    "cell_figure",
    "cell_picture",
    "compare",
    "latex_table",
    "reveal",
    "write_cell_picture",
    "write_page",
    "write_pictures",
]
