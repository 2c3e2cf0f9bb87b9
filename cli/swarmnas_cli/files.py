"""Files that a command writes for a user to edit."""

from __future__ import annotations

from pathlib import Path

from swarmnas.errors import SettingError

__all__ = ["write_new"]


def write_new(path: Path, text: str, *, fix: str) -> None:
    """Write a file that is not there yet.

    Args:
        path: The file.
        text: Its content.
        fix: What to do where that fails.

    Raises:
        SettingError: The file exists, or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as cause:
        raise SettingError(
            f"{path}: expected a new file in a directory that exists; got: {cause.strerror}. {fix}"
        ) from cause
