"""Ctrl-C: once ends a run after the step it is in, twice ends it now."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import typer

from swarmnas.runs import Callback

__all__ = ["Interrupts", "interruptible"]


class Interrupts(Callback):
    """Counts Ctrl-C, and ends a run at its next checkpoint after the first.

    Args:
        step: What a run saves after, as the user calls it: "epoch", "unit".
    """

    def __init__(self, step: str) -> None:
        self._step = step
        self._asked = False

    def hear(self, *_: Any) -> None:
        """Take one SIGINT."""
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        # Not through a stream: the handler may run while one is being written.
        os.write(2, f"\nStopping after this {self._step}. Ctrl-C again: now.\n".encode())

    def on_checkpoint(self, step: int) -> None:
        """End the run here if that was asked for; all it did is on the disk."""
        if self._asked:
            raise KeyboardInterrupt


@contextlib.contextmanager
def interruptible(step: str, *, then: str) -> Iterator[Interrupts]:
    """Give the callback that lets Ctrl-C end a run well; exit code 130.

    Args:
        step: What the run saves after: "epoch", "unit".
        then: How to go on, printed at the end.
    """
    interrupts = Interrupts(step)
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # a job in the background of a shell
        signal.signal(signal.SIGINT, interrupts.hear)
    try:
        yield interrupts
    except KeyboardInterrupt:
        typer.echo(f"Interrupted. {then}", err=True)
        sys.exit(130)
    finally:
        signal.signal(signal.SIGINT, before)
