"""Files that are whole or absent, whatever stops the process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from swarmnas.errors import RunError, SwarmNASError

__all__ = ["replace_file", "writing"]


@contextlib.contextmanager
def writing(path: Path, *, error: type[SwarmNASError] = RunError) -> Iterator[None]:
    """Turn what the system says against writing ``path`` into one line of ours.

    Raises:
        SwarmNASError: ``error``, instead of any ``OSError``: disk full, read-only, no such
            directory.
    """
    try:
        yield
    except OSError as cause:
        raise error(
            f"{path}: expected to read and write here; got: {cause.strerror or cause}. "
            "Free some space or choose a directory that can be written; what was saved before "
            "is untouched."
        ) from cause


def replace_file(path: Path, data: bytes, *, error: type[SwarmNASError] = RunError) -> None:
    """Make ``data`` the content of ``path``, or leave ``path`` as it was.

    The bytes reach the disk under another name before the rename, and the rename before the
    return, so neither a kill nor a power cut leaves half a file under this name.

    Raises:
        SwarmNASError: ``error``: the system refused; ``path`` is as before.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    with writing(path, error=error):
        try:
            temporary.unlink(missing_ok=True)  # a kill left it, or a stranger a link to elsewhere
            with temporary.open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    if os.name == "nt":  # Windows has no handle for this; its rename is journalled
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
