"""What a search, a training or a bench tells those who watch it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["Callback", "Callbacks"]


class Callback:
    """Base of everything that watches a run: recorder, live view, trackers.

    Every method does nothing; override what you need. The mappings are read-only by agreement:
    a callback that changes one changes the run.

    Example:
        >>> class Losses(Callback):
        ...     def on_record(self, record):
        ...         print(record["epoch"], record["valid_loss"])
        >>> Losses().on_record({"kind": "epoch", "epoch": 1, "valid_loss": 0.5})
        1 0.5
    """

    def on_start(self, config: Mapping[str, Any]) -> None:
        """Hear everything that determines the run, once, before its first step."""

    def on_step(self, progress: Mapping[str, Any]) -> None:
        """Hear how far the run is, often: between epochs, for live views; never recorded."""

    def on_record(self, record: Mapping[str, Any]) -> None:
        """Hear one record of the history.

        Its ``kind`` is "epoch", "decision", "divergence" or "candidate".
        """

    def on_checkpoint(self, step: int) -> None:
        """Hear that all up to here is on the disk: a run that ends now continues from here."""

    def on_end(self, result: Mapping[str, Any]) -> None:
        """Hear what the run found, once, if it ended by itself."""


class Callbacks(Callback):
    """Several callbacks as one; each event reaches them in the order given.

    Args:
        callbacks: The callbacks; an error that one raises ends the run.
    """

    def __init__(self, callbacks: Iterable[Callback]) -> None:
        self._callbacks = tuple(callbacks)

    def on_start(self, config: Mapping[str, Any]) -> None:
        """Pass ``config`` on."""
        for callback in self._callbacks:
            callback.on_start(config)

    def on_step(self, progress: Mapping[str, Any]) -> None:
        """Pass ``progress`` on."""
        for callback in self._callbacks:
            callback.on_step(progress)

    def on_record(self, record: Mapping[str, Any]) -> None:
        """Pass ``record`` on."""
        for callback in self._callbacks:
            callback.on_record(record)

    def on_checkpoint(self, step: int) -> None:
        """Pass ``step`` on."""
        for callback in self._callbacks:
            callback.on_checkpoint(step)

    def on_end(self, result: Mapping[str, Any]) -> None:
        """Pass ``result`` on."""
        for callback in self._callbacks:
            callback.on_end(result)
