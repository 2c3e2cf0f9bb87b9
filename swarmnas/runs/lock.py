"""One process to a run directory: a lock that the system drops when its holder dies."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from swarmnas.atomic import writing
from swarmnas.errors import RunError, SwarmNASWarning

__all__ = ["exclusive", "holder"]

_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)

if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> None:
        os.lseek(handle, 1 << 20, os.SEEK_SET)  # beyond the holder's number, which others read
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def holder(path: Path) -> str | None:
    """Return the number of the process that holds the lock file ``path``, or None; changes nothing.

    Raises:
        RunError: The file cannot be read.
    """
    if not path.exists():
        return None
    with writing(path):
        handle = os.open(path, os.O_RDONLY)
        try:
            _try_lock(handle)
        except OSError as cause:
            if cause.errno in _NO_LOCKS:
                return None
            return _named(handle)
        finally:
            os.close(handle)
    return None


def _named(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    return os.read(handle, 20).decode("ascii", "replace").strip() or "unknown"


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``; the file stays, the lock goes with the process.

    Raises:
        RunError: Another holder has it (the message names its process), or the file cannot be
            written.

    Warns:
        SwarmNASWarning: The file system has no locks; the run goes on without one.
    """
    with writing(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            _try_lock(handle)
        except OSError as cause:
            if cause.errno in _NO_LOCKS:
                warnings.warn(
                    f"{path.parent}: this file system has no locks. "
                    "See to it that only one process works here.",
                    SwarmNASWarning,
                    stacklevel=3,
                )
            else:
                raise RunError(
                    f"{path.parent}: expected a run that nobody works on; got one in use by "
                    f"process {_named(handle)}. Wait for it, stop it, or choose another name."
                ) from cause
        with writing(path):
            os.ftruncate(handle, 0)
            os.lseek(handle, 0, os.SEEK_SET)
            os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)
