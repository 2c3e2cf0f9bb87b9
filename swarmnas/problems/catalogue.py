"""Problems and suites by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from swarmnas.checks import as_int, one_of
from swarmnas.problems import cec2008, classic, ioh_suites, nevergrad_functions
from swarmnas.problems.problem import Problem
from swarmnas.registry import Registry

__all__ = ["SUITES", "available", "create", "problems", "suite"]

problems = Registry[Callable[..., Problem]](kind="problem")
"""Every problem by name: a function of ``num_dims``, ``instance`` and settings of its own."""

SUITES: dict[str, tuple[str, ...]] = {
    "classic": tuple(classic.ENTRIES),
    "cec2008": tuple(cec2008.ENTRIES),
    "bbob": tuple(f"bbob-f{k}" for k in range(1, len(ioh_suites.BBOB) + 1)),
    "cec2022": tuple(f"cec2022-f{k}" for k in range(1, len(ioh_suites.CEC2022) + 1)),
    "nevergrad": tuple(f"nevergrad-{n.replace('_', '-')}" for n in nevergrad_functions.NAMES),
}
"""Suite -> the names of its problems."""

_HERE = "swarmnas.problems"
for _module in (classic, cec2008):
    for _name, (_constructor, _summary) in _module.ENTRIES.items():
        problems.add(_name, f"{_module.__name__}:{_constructor}", summary=_summary)
for _suite in ("bbob", "cec2022"):
    for _number, _summary in enumerate(getattr(ioh_suites, _suite.upper()), start=1):
        problems.add(
            f"{_suite}-f{_number}",
            f"{_HERE}.ioh_suites:{_suite}.f{_number}",
            summary=f"{_summary} (of {_suite.upper()}, by ioh).",
        )
for _name in nevergrad_functions.NAMES:
    problems.add(
        f"nevergrad-{_name.replace('_', '-')}",
        f"{_HERE}.nevergrad_functions:functions.{_name}",
        summary=f"nevergrad's {_name}.",
    )


def available() -> dict[str, str]:
    """Return every registered name with its one-line summary.

    Example:
        >>> "rastrigin" in available()
        True
    """
    return {name: entry.summary for name, entry in problems.entries().items()}


def create(name: str, *, num_dims: int, instance: int = 1, **settings: Any) -> Problem:
    """Create a problem by name.

    Args:
        name: A registered name (:func:`available` lists them).
        num_dims: Length of a position, >= 1; some problems exist for certain sizes only.
        instance: >= 0. Moves the minimum and whatever else the problem draws; the same number
            is the same function in every process. 0 is the textbook's form where there is one.
        **settings: The problem's own settings.

    Raises:
        UnknownNameError: No such problem or setting; the message has the nearest known one.
        SettingError: A number is outside what the problem allows.
        MissingDependencyError: The problem comes from a package that is not installed.
        PluginError: What a plug-in made is no problem.

    Example:
        >>> create("sphere", num_dims=3, instance=0).minimum
        0.0
    """
    make = problems.load(name)
    known = [p for p in inspect.signature(make).parameters if p not in ("num_dims", "instance")]
    for setting in settings:
        one_of(f"{name} setting", setting, known)
    made = make(
        num_dims=as_int("num_dims", num_dims, low=1),
        instance=as_int("instance", instance, low=0),
        **settings,
    )
    if not isinstance(made, Problem):
        raise problems.broken(name, "Problem", type(made).__name__)
    return made


def suite(name: str) -> tuple[str, ...]:
    """Return the names of a suite's problems.

    Raises:
        UnknownNameError: No such suite; the message has the nearest known one.

    Example:
        >>> len(suite("bbob"))
        24
    """
    return SUITES[one_of("suite", name, SUITES)]
