"""The command line: `swarmnas`."""

import os

# OpenMP threads that wait by spinning make torch slower by tens of times wherever another program
# wants the same cores; sleeping costs nothing measurable. Must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
