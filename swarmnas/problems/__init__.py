"""Problems: functions with a known minimum, and tables of trained architectures."""

from swarmnas.problems.catalogue import available, create, problems, suite
from swarmnas.problems.nats_bench import import_table
from swarmnas.problems.problem import Problem
from swarmnas.problems.table import Table
from swarmnas.problems.tabular import tabular

__all__ = [
    "Problem",
    "Table",
    "available",
    "create",
    "import_table",
    "problems",
    "suite",
    "tabular",
]
