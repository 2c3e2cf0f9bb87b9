"""Names for plug-ins: optimizers, spaces, policies, problems, data sets.

A name maps to a target (``"module:attribute"``) that is imported only when it is loaded, so that
listing names imports nothing. Other packages add names through an entry-point group,
``swarmnas.<kind>s`` where the registry names no other.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar, cast

from swarmnas.checks import unknown_name
from swarmnas.errors import SettingError, UnknownNameError

__all__ = ["Entry", "Registry"]

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """One registered name."""

    name: str
    """What a user types."""
    target: str
    """``"module:attribute"``, imported when loaded."""
    summary: str
    """One line for lists."""
    origin: str = "swarmnas"
    """The distribution that registered it."""


class Registry(Generic[T]):
    """Names of one kind of plug-in.

    Args:
        kind: What the names stand for, in the singular; used in messages.
        group: The entry-point group; ``swarmnas.<kind>s`` unless given.

    Example:
        >>> numbers = Registry[float](kind="number")
        >>> numbers.add("pi", "math:pi", summary="Circumference over diameter.")
        >>> round(numbers.load("pi"), 2)
        3.14
    """

    def __init__(self, kind: str, *, group: str | None = None) -> None:
        self.kind = kind
        self.group = group or f"swarmnas.{kind}s"
        self._own: dict[str, Entry] = {}
        self._families: dict[str, Entry] = {}
        self._all: dict[str, Entry] | None = None

    def add(self, name: str, target: str, *, summary: str) -> None:
        """Register ``name``; a name that is taken is an error."""
        self._insert(self._own, Entry(name, target, summary))
        self._all = None

    def add_family(self, prefix: str, target: str, *, summary: str) -> None:
        """Let ``target(REST)`` answer for every name of the form ``prefix:REST``."""
        self._insert(self._families, Entry(prefix, target, summary))

    def families(self) -> dict[str, Entry]:
        """Return every family by prefix; its members are not listed by :meth:`entries`."""
        return dict(self._families)

    def load(self, name: str) -> T:
        """Import and return what ``name`` stands for.

        Raises:
            UnknownNameError: No such name; the message lists the nearest known one.
        """
        entry = self.entries().get(name)
        if entry is not None:
            return cast(T, _imported(entry.target))
        prefix, colon, rest = str(name).partition(":")
        if colon and prefix in self._families:
            return cast(T, _imported(self._families[prefix].target)(rest))
        raise UnknownNameError(unknown_name(self.kind, name, [*self.entries(), *self._families]))

    def entries(self) -> dict[str, Entry]:
        """Return every entry by name, ours and those of installed packages, sorted."""
        if self._all is None:
            found = dict(self._own)
            for point in entry_points(group=self.group):
                origin = point.dist.name if point.dist else "unknown"
                self._insert(found, Entry(point.name, point.value, f"From {origin}.", origin))
            self._all = dict(sorted(found.items()))
        return self._all

    def _insert(self, entries: dict[str, Entry], entry: Entry) -> None:
        if entry.name in entries:
            taken = entries[entry.name]
            raise SettingError(
                f"{self.kind}: expected a free name; got {entry.name!r}, which {taken.origin} "
                f"registered as {taken.target}. Choose another name or uninstall {entry.origin}."
            )
        entries[entry.name] = entry

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self.entries()

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries())


def _imported(target: str) -> Any:
    """Return the attribute that ``"module:attribute"`` names."""
    module, _, attribute = target.partition(":")
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found
