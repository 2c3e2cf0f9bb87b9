"""The run directory: records, whole-or-absent checkpoints, a lock, and the callback protocol.

Holds NumPy arrays and JSON; callers convert. Nothing is pickled, in either direction.
"""

from swarmnas.runs.callbacks import Callback, Callbacks
from swarmnas.runs.checkpoint import Checkpoint, restoring
from swarmnas.runs.directory import RunDirectory

__all__ = ["Callback", "Callbacks", "Checkpoint", "RunDirectory", "restoring"]
