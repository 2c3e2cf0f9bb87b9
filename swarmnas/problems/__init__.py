"""Problems: tables of trained architectures, read from files and imported from benchmarks."""

from swarmnas.problems.nats_bench import import_table
from swarmnas.problems.table import Table

__all__ = ["Table", "import_table"]
