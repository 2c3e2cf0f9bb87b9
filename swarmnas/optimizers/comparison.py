"""Who beats whom: losses under Deb's rules for constraint violations.

Feasible beats infeasible, the less violated beats the more violated, and of two alike the lower
loss wins. A failed row has an infinite loss and an infinite violation, so it beats nothing.

References:
    Deb, "An efficient constraint handling method for genetic algorithms", Computer Methods in
    Applied Mechanics and Engineering 186, 2000. Differs from the paper: two infeasible rows of
    equal violation are compared by loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Index", "Losses", "beats", "best_row", "order", "ranks"]

Losses = np.ndarray[Any, np.dtype[np.float64]]
"""``(n,)``, lower is better; infinite where a row failed."""

Index = np.ndarray[Any, np.dtype[np.int64]]
"""``(n,)``, particles by number."""


def beats(losses: Any, violations: Any, others: Any, other_violations: Any) -> Any:
    """Return, row by row or for two numbers, whether the first beats the second; a tie is no win.

    Example:
        >>> zero = np.zeros(3)
        >>> beats(np.array([1.0, 2.0, np.inf]), zero, np.array([2.0, 2.0, np.inf]), zero)
        array([ True, False, False])
    """
    return (violations < other_violations) | ((violations == other_violations) & (losses < others))


def order(losses: Losses, violations: Losses) -> Any:
    """Return the indices from best to worst; of equals the earlier row comes first."""
    return np.lexsort((losses, violations))


def best_row(losses: Losses, violations: Losses) -> int:
    """Return the index of the best row."""
    if np.count_nonzero(violations):
        return int(order(losses, violations)[0])
    return int(losses.argmin())


def ranks(*keys: Losses) -> Any:
    """Return ranks from 0 (lowest), equals sharing the lowest of theirs.

    Args:
        *keys: ``(n,)`` each, the last one deciding first, as in ``numpy.lexsort``.

    Example:
        >>> ranks(np.array([3.0, 1.0, 3.0, 2.0]))
        array([2, 0, 2, 1])
    """
    found = np.lexsort(keys)
    place = np.arange(len(found))
    new = np.zeros(len(found), dtype=bool)
    for key in keys:
        new[1:] |= key[found][1:] != key[found][:-1]
    result = np.empty(len(found), dtype=np.int64)
    result[found] = np.maximum.accumulate(np.where(new, place, 0))
    return result
