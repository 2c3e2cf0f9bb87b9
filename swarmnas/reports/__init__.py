"""Pictures and pages from records."""

from swarmnas.reports.comparison import (
    Comparison,
    compare,
    latex_table,
    reveal,
    write_page,
    write_pictures,
)

__all__ = ["Comparison", "compare", "latex_table", "reveal", "write_page", "write_pictures"]
