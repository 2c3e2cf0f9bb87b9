"""Genotypes: frozen, discrete architectures as data, JSON in and out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from swarmnas.checks import explain, unknown_name
from swarmnas.documents import MAX_BYTES, parse_json
from swarmnas.errors import DocumentError, SettingError, UnknownNameError
from swarmnas.spaces import notation

__all__ = ["Choice", "Genotype", "check_cell_name", "check_name"]

MAX_NODES = 10_000
"""Nodes of a cell, layers of a network: far above any use, low enough to bound a hostile file."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:\-]{0,99}", re.ASCII)


def check_name(where: str, name: object) -> str:
    """Return ``name`` if it can stand in every notation: letters, digits and ``_ . : -``.

    Raises:
        SettingError: It is no such string, or longer than 100 characters.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        got = repr(name)
        raise SettingError(
            explain(
                where,
                "at most 100 letters, digits, '_', '.', ':' or '-'",
                got if len(got) <= 60 else got[:57] + "...",
                "Change the name.",
            )
        )
    return name


def check_cell_name(name: object) -> str:
    """Return ``name`` if it can be a field of ``Genotype(...)``.

    Raises:
        SettingError: It is no identifier, or ends in ``_concat``, which notes a cell's output.
    """
    name = check_name("cell", name)
    if not name.isidentifier() or name.endswith("_concat"):
        raise SettingError(
            explain(
                "cell",
                "letters, digits and '_', no digit first, not ending in '_concat'",
                repr(name),
                "Change the name.",
            )
        )
    return name


class Choice(NamedTuple):
    """One kept edge and the operation that it takes."""

    operation: str
    source: int
    """The node that the edge reads; inputs are nodes 0, 1, ..."""
    target: int
    """The node that the edge adds to."""


@dataclass(frozen=True)
class Genotype:
    """A discrete architecture: for each cell, the kept edges with their operations.

    Cells are kept in the order of their names and choices in the order of target and source, so
    that two spellings of one architecture are equal. (DARTS prints a node's two edges strongest
    first; their sum does not see the order.)

    Args:
        space: Name of the space that the genotype belongs to.
        cells: Pairs of a cell's name and its choices; a mapping will do. A choice may be a plain
            ``(operation, source, target)``.

    Raises:
        SettingError: A part is malformed, an edge runs backwards or occurs twice, or a node
            between the first and the last target has no edge.

    Example:
        >>> genotype = Genotype("mine", {"cell": [("conv", 0, 2), ("skip_connect", 0, 1)]})
        >>> genotype.to_text()
        '|skip_connect~0|+|conv~0|'
        >>> genotype.count("conv"), genotype.skip_share
        (1, 0.5)
    """

    space: str
    cells: tuple[tuple[str, tuple[Choice, ...]], ...]

    def __post_init__(self) -> None:
        check_name("genotype.space", self.space)
        given: Any = self.cells.items() if isinstance(self.cells, Mapping) else self.cells
        cells = tuple(sorted((check_cell_name(n), _choices(n, part)) for n, part in given))
        if not cells or len({name for name, _ in cells}) < len(cells):
            raise SettingError(
                explain(
                    "genotype.cells",
                    "one or more cells, each name once",
                    [name for name, _ in cells],
                    "Name every cell once.",
                )
            )
        object.__setattr__(self, "cells", cells)

    def choices(self, cell: str) -> tuple[Choice, ...]:
        """Return the choices of the cell of that name, in order of target and source.

        Raises:
            UnknownNameError: The genotype has no such cell.
        """
        cells = dict(self.cells)
        if cell not in cells:
            raise UnknownNameError(unknown_name("cell", cell, cells))
        return cells[cell]

    def count(self, operation: str) -> int:
        """Return how many kept edges, over all cells, take ``operation``."""
        return sum(choice.operation == operation for _, part in self.cells for choice in part)

    @property
    def skip_share(self) -> float:
        """Share of ``skip_connect`` among the chosen operations, in [0, 1]."""
        return self.count("skip_connect") / sum(len(part) for _, part in self.cells)

    def to_text(self) -> str:
        """Return the genotype in the field's notation, which ``space.parse`` reads back.

        ``Genotype(normal=[...], ...)`` where every node keeps exactly two edges, as in DARTS;
        otherwise the cell string of NAS-Bench-201, ``|op~source|...|+|...|`` with one group a
        node (several cells: ``name=|...| name=|...|``).
        """
        return notation.write(self.cells)

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts, lists, strings and integers, ready for ``json.dumps``."""
        return {
            "space": self.space,
            "cells": {name: [list(choice) for choice in part] for name, part in self.cells},
        }

    @classmethod
    def from_json(cls, value: Any) -> Genotype:
        """Return the genotype of what :meth:`to_json` returned, or of that as JSON text.

        Whether it fits its space is the space's to say: ``space.indices_of(genotype)``.

        Raises:
            DocumentError: The text is no JSON or too long, or the value has another form.
            SettingError: The form is right, the content is not.
        """
        if isinstance(value, str):
            if len(value) > MAX_BYTES:
                raise DocumentError(
                    f"genotype: expected at most {MAX_BYTES:,} characters; got {len(value):,}. "
                    "Is it the right file?"
                )
            value = parse_json(value, source="genotype")
        if (
            not isinstance(value, Mapping)
            or set(value) != {"space", "cells"}
            or not isinstance(value["cells"], Mapping)
        ):
            raise DocumentError(
                explain(
                    "genotype",
                    "an object with the keys 'space' and 'cells'",
                    sorted(map(str, value))[:5]
                    if isinstance(value, Mapping)
                    else type(value).__name__,
                    "Pass what Genotype.to_json() returned.",
                )
            )
        return cls(value["space"], tuple(value["cells"].items()))


def _choices(cell: str, part: Any) -> tuple[Choice, ...]:
    where = f"genotype, cell {cell!r}"
    if not isinstance(part, Iterable) or isinstance(part, str | Mapping):
        raise SettingError(
            explain(where, "a list of choices", type(part).__name__, "List its kept edges.")
        )
    choices = sorted(_choice(where, item) for item in part)
    choices.sort(key=lambda choice: (choice.target, choice.source))
    targets = sorted({choice.target for choice in choices})
    if not choices or targets != list(range(targets[0], targets[-1] + 1)):
        raise SettingError(
            explain(
                where,
                "an edge into every node from the first target to the last",
                f"targets {targets[:10]}" if targets else "no edge",
                "List every kept edge.",
            )
        )
    edges = [choice[1:] for choice in choices]
    if len(set(edges)) < len(edges):
        twice = next(edge for edge, following in pairwise(edges) if edge == following)
        raise SettingError(
            explain(where, "every edge once", f"{twice[0]} -> {twice[1]} twice", "Drop one.")
        )
    return tuple(choices)


def _choice(where: str, item: Any) -> Choice:
    if isinstance(item, tuple | list) and len(item) == 3:
        operation, source, target = item
        if type(source) is int and type(target) is int and 0 <= source < target <= MAX_NODES:
            return Choice(check_name(f"{where}, operation", operation), source, target)
    got = repr(item)
    raise SettingError(
        explain(
            where,
            f"(operation, source, target) with 0 <= source < target <= {MAX_NODES}",
            got if len(got) <= 80 else got[:77] + "...",
            "Mend that choice.",
        )
    )
