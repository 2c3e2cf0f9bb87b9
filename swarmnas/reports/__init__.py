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
from swarmnas.reports.search_page import (
    REPORT,
    SearchRecords,
    page_data,
    render_report,
    write_report,
)
from swarmnas.reports.server import serving

__all__ = [
    "REPORT",
    "Comparison",
    "SearchRecords",
    "cell_figure",
    "cell_picture",
    "compare",
    "latex_table",
    "page_data",
    "render_report",
    "reveal",
    "serving",
    "write_cell_picture",
    "write_page",
    "write_pictures",
    "write_report",
]
