"""Comparing optimizers: studies, their stores, and the statistics of the field.

Example:
    >>> study = Study.from_mapping(
    ...     {"problems": ["sphere"], "dims": [2], "optimizers": ["cso", "random"], "seeds": 3}
    ... )
    >>> sum(1 for unit in study.units())
    6
"""

from swarmnas.bench.catalogue import available, entrants
from swarmnas.bench.objective import Finished, Objective
from swarmnas.bench.results import Results
from swarmnas.bench.running import Progress, run
from swarmnas.bench.study import Study, Unit

__all__ = [
    "Finished",
    "Objective",
    "Progress",
    "Results",
    "Study",
    "Unit",
    "available",
    "entrants",
    "run",
]
