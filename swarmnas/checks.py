"""Checks of what callers pass in; every message says where, expected, got, what to do."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import math
import numbers
from collections.abc import Iterable
from types import ModuleType

from swarmnas.errors import (
    DivergenceError,
    MissingDependencyError,
    SettingError,
    SwarmNASError,
    UnknownNameError,
)

__all__ = ["as_float", "as_int", "explain", "finite_loss", "one_of", "require", "unknown_name"]


def explain(where: str, expected: str, got: object, fix: str) -> str:
    """Return the one-line message of all our errors.

    Example:
        >>> explain("seed", "an integer >= 0", -3, "Use a non-negative seed, for example 0.")
        'seed: expected an integer >= 0; got -3. Use a non-negative seed, for example 0.'
    """
    return f"{where}: expected {expected}; got {got}. {fix}"


def _interval(low: float | None, high: float | None, open_low: bool) -> str:
    parts = []
    if low is not None:
        parts.append(f"{'>' if open_low else '>='} {low:g}")
    if high is not None:
        parts.append(f"<= {high:g}")
    return " and ".join(parts)


def as_int(where: str, value: object, *, low: int | None = None, high: int | None = None) -> int:
    """Return ``value`` as an integer within ``[low, high]``.

    Raises:
        SettingError: ``value`` is no integer (booleans are none) or out of range.

    Example:
        >>> as_int("population_size", 24, low=2)
        24
    """
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_integer or not (low is None or value >= low) or not (high is None or value <= high):  # type: ignore[operator]
        limits = _interval(low, high, open_low=False)
        raise SettingError(
            explain(where, f"an integer {limits}".rstrip(), repr(value), f"Change {where}.")
        )
    return int(value)  # type: ignore[call-overload,no-any-return]


def as_float(
    where: str,
    value: object,
    *,
    low: float | None = None,
    high: float | None = None,
    open_low: bool = False,
) -> float:
    """Return ``value`` as a finite float within ``[low, high]``, or ``(low, high]``.

    Raises:
        SettingError: ``value`` is no finite real number or out of range.

    Example:
        >>> as_float("inertia", 0.7, low=0, high=1)
        0.7
    """
    number = math.nan
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):  # of an integer beyond every float
            number = float(value)
    above = low is None or (number > low if open_low else number >= low)
    if not math.isfinite(number) or not above or not (high is None or number <= high):
        limits = _interval(low, high, open_low)
        raise SettingError(
            explain(where, f"a finite number {limits}".rstrip(), repr(value), f"Change {where}.")
        )
    return number


def finite_loss(where: str, value: float) -> float:
    """Return a loss that weights are trained with, or a gradient's norm, if it is a number.

    Raises:
        DivergenceError: ``value`` is NaN or infinite.

    Example:
        >>> finite_loss("training loss in epoch 1", 2.3)
        2.3
    """
    if not math.isfinite(value):
        fix = "Lower the learning rate, and look for NaN in the images."
        raise DivergenceError(explain(where, "a finite number", value, fix))
    return value


def one_of(where: str, value: str, known: Iterable[str]) -> str:
    """Return ``value`` if it is one of ``known``; else raise with the nearest known names."""
    names = list(known)
    if value in names:
        return value
    raise UnknownNameError(unknown_name(where, value, names))


def unknown_name(where: str, name: object, known: Iterable[str]) -> str:
    """Return the message for a name that nothing answers to.

    Example:
        >>> unknown_name("optimizer", "psoo", ["cso", "icso", "pso"])
        "optimizer: unknown name 'psoo'. Did you mean 'pso'? Known: cso, icso, pso."
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{where}: unknown name {name!r}.{hint} Known: {', '.join(names) or 'none'}."


def require(
    module: str, *, extra: str, needed_by: str, error: type[SwarmNASError] = MissingDependencyError
) -> ModuleType:
    """Import an optional dependency, or say which extra brings it.

    Args:
        module: Dotted name of the module.
        extra: The extra of ``pip install swarmnas[extra]`` that installs it.
        needed_by: What asked for it, as the user typed it.
        error: The class to raise.
    """
    try:
        return importlib.import_module(module)
    except ImportError as cause:
        raise error(
            f"{needed_by}: needs the package {module!r}, which is not installed. "
            f"Run: pip install 'swarmnas[{extra}]'."
        ) from cause
