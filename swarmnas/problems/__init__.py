"""Problems: functions with a known optimum, and tables of trained architectures.

Example:
    >>> import numpy as np
    >>> sphere = problems.load("cec2008-f1")(num_dims=3, seed=0)
    >>> sphere(np.zeros((4, 3))).shape, sphere.minimum
    ((4,), 0.0)
"""

from swarmnas.problems.catalogue import available, problems
from swarmnas.problems.nats_bench import import_table
from swarmnas.problems.problem import Problem
from swarmnas.problems.table import Table

__all__ = ["Problem", "Table", "available", "import_table", "problems"]
