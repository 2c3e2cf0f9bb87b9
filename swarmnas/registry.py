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

from swarmnas.checks import explain, unknown_name
from swarmnas.errors import PluginError, SettingError, SwarmNASError, UnknownNameError

__all__ = ["Entry", "Registry"]

T = TypeVar("T")

OURS = "swarmnas"


@dataclass(frozen=True)
class Entry:
    """One registered name."""

    name: str
    """What a user types."""
    target: str
    """``"module:attribute"``, imported when loaded."""
    summary: str
    """One line for lists."""
    origin: str = OURS
    """The distribution that registered it."""


class Registry(Generic[T]):
    """Names of one kind of plug-in.

    Args:
        kind: What the names stand for, in the singular; used in messages.
        group: The entry-point group; ``swarmnas.<kind>s`` unless given.
        holds: What a name must stand for: an object of this class, or a class derived from it;
            something to be called unless given.

    Example:
        >>> numbers = Registry[float](kind="number", holds=float)
        >>> numbers.add("pi", "math:pi", summary="Circumference over diameter.")
        >>> round(numbers.load("pi"), 2)
        3.14
    """

    def __init__(
        self, kind: str, *, group: str | None = None, holds: type[Any] | None = None
    ) -> None:
        self.kind = kind
        self.holds = holds
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
            PluginError: It cannot be imported, or is something else than such a registry holds.
        """
        entry = self.entries().get(name)
        if entry is not None:
            return cast(T, self._loaded(entry))
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

    def broken(self, name: str, expected: str, got: str) -> PluginError:
        """Return the error that says what is wrong with what ``name`` stands for, and whose it is.

        Example:
            >>> numbers = Registry[float](kind="number", holds=float)
            >>> numbers.add("one", "math:inf", summary="Too large.")
            >>> print(numbers.broken("one", "1.0", "inf"))
            number 'one' of swarmnas: expected 1.0; got inf. Mend math:inf.
        """
        entry = self.entries()[name]
        fix = (
            f"Mend {entry.target}{'' if entry.origin == OURS else f' or uninstall {entry.origin}'}."
        )
        return PluginError(explain(f"{self.kind} {name!r} of {entry.origin}", expected, got, fix))

    def _loaded(self, entry: Entry) -> Any:
        try:
            found = _imported(entry.target)
        except Exception as cause:  # whatever another's module does when it is imported
            if entry.origin == OURS or isinstance(cause, SwarmNASError):
                raise
            got = f"{type(cause).__name__}: {' '.join(str(cause).split())}".rstrip(".")
            raise self.broken(entry.name, entry.target, got) from cause
        is_class = isinstance(found, type)
        if self.holds is None:
            fits, expected = callable(found), "something to be called"
        else:
            fits = issubclass(found, self.holds) if is_class else isinstance(found, self.holds)
            expected = self.holds.__name__
        if not fits:
            got = found.__name__ if is_class else type(found).__name__
            raise self.broken(entry.name, expected, got)
        return found

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
