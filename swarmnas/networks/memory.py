"""What to do when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from swarmnas.checks import explain
from swarmnas.errors import DeviceError

__all__ = ["building", "is_out_of_memory", "within_memory"]

T = TypeVar("T")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out, on any device."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


@contextmanager
def building() -> Iterator[None]:
    """Say in one line that a network is too large to be built.

    Raises:
        DeviceError: Memory ran out.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        fix = "Use fewer channels or cells."
        raise DeviceError(
            explain("network", "one that fits into memory", "one that does not", fix)
        ) from error


def within_memory(step: Callable[[int], T], size: int) -> T:
    """Return ``step(size)``; where memory runs out, say which batch would fit.

    Args:
        step: Computes the gradients of so many of a batch's images.
        size: All of them.

    Raises:
        DeviceError: Memory ran out; names the largest half, quarter, ... that fitted.
    """
    found = _tried(step, size)
    if found is not None:
        return found[0]
    fitting = size // 2
    while fitting and _tried(step, fitting) is None:
        fitting //= 2
    fix = f"Use batch_size {fitting}: that fits." if fitting else "Use a smaller network or images."
    raise DeviceError(
        explain("batch_size", "a batch that fits into memory", f"{size} images that do not", fix)
    )


def _tried(step: Callable[[int], T], size: int) -> tuple[T] | None:
    """Return what a step returns, or None if memory ran out; then what it held is free again."""
    try:
        return (step(size),)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None
