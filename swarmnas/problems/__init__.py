"""Problems: functions with a known minimum, and tables of trained architectures."""

from swarmnas.problems.catalogue import available, create, problems
from swarmnas.problems.nats_bench import import_table
from swarmnas.problems.problem import Problem
from swarmnas.problems.table import Table

__all__ = ["Problem", "Table", "available", "create", "import_table", "problems"]
