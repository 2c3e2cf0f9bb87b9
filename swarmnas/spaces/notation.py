"""The field's two texts for a genotype, read without evaluating anything.

* NAS-Bench-201: ``|op~source|+|op~source|op~source|+...``, one group of edges a node.
* DARTS: ``Genotype(normal=[('op', source), ...], normal_concat=range(2, 6), reduce=...)``, two
  edges a node, the node given by the position alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NoReturn

from swarmnas.errors import DocumentError

__all__ = ["read", "write"]

MAX_CHARACTERS = 1_000_000
"""Longer texts are refused."""

RawChoice = tuple[str, int, int]
"""Operation, source and target, not yet checked against any space."""

_TOKEN = re.compile(
    r"""\s*(?: (?P<name>[A-Za-z_]\w{0,119}) | (?P<number>\d{1,5})(?!\d)
             | '(?P<single>[^'\\\n]{1,100})' | "(?P<double>[^"\\\n]{1,100})"
             | (?P<mark>[()\[\],=]) )\s*""",
    re.VERBOSE | re.ASCII,
)
_CELL_STRING = re.compile(r"(?:([A-Za-z_]\w{0,99})=)?(\|\S+\|)", re.ASCII)
_EDGE = re.compile(r"([^|~+\s]{1,100})~(\d{1,5})", re.ASCII)


def write(cells: Sequence[tuple[str, Sequence[RawChoice]]]) -> str:
    """Return the text of cells whose choices are in order of target and source."""
    groups = {
        name: [list(group) for _, group in groupby(choices, key=lambda choice: choice[2])]
        for name, choices in cells
    }
    if all(len(group) == 2 for nodes in groups.values() for group in nodes):
        fields = []
        for name, nodes in groups.items():
            pairs = ", ".join(f"('{op}', {source})" for node in nodes for op, source, _ in node)
            first, last = nodes[0][0][2], nodes[-1][0][2]
            fields.append(f"{name}=[{pairs}], {name}_concat=range({first}, {last + 1})")
        return f"Genotype({', '.join(fields)})"
    strings = {
        name: "+".join("|" + "".join(f"{op}~{s}|" for op, s, _ in node) for node in nodes)
        for name, nodes in groups.items()
    }
    if len(strings) == 1:
        return next(iter(strings.values()))
    return " ".join(f"{name}={text}" for name, text in strings.items())


def read(text: str, *, num_inputs: Mapping[str, int]) -> dict[str, list[RawChoice]]:
    """Return the choices that a text spells, cell by cell, unchecked but well-formed.

    Args:
        text: Either notation.
        num_inputs: For each cell of the space, how many input nodes it has.

    Raises:
        DocumentError: The text is too long or in neither notation.
    """
    if not isinstance(text, str):
        raise DocumentError(
            f"genotype: expected text; got {type(text).__name__}. Pass the notation as a string."
        )
    if len(text) > MAX_CHARACTERS:
        raise DocumentError(
            f"genotype: expected at most {MAX_CHARACTERS:,} characters; got {len(text):,}. "
            "Is it the right text?"
        )
    text = text.strip()
    if text.startswith("Genotype"):
        return _GenotypeText(text).read(num_inputs)
    return _read_cell_strings(text, num_inputs)


def _fail(expected: str, got: str) -> NoReturn:
    got = repr(got if len(got) <= 60 else got[:57] + "...") if got else "the end of the text"
    raise DocumentError(
        f"genotype: expected {expected}; got {got}. Write it as '|op~0|+|op~0|op~1|+...' or "
        "\"Genotype(normal=[('op', 0), ...], normal_concat=range(2, 6), ...)\"."
    )


def _read_cell_strings(text: str, num_inputs: Mapping[str, int]) -> dict[str, list[RawChoice]]:
    cells: dict[str, list[RawChoice]] = {}
    for part in text.split() or [""]:
        match = _CELL_STRING.fullmatch(part)
        if not match:
            _fail("a cell string", part)
        name = match[1] or next(iter(num_inputs))
        if name in cells or (match[1] is None and len(num_inputs) > 1):
            _fail(f"each of the cells {', '.join(num_inputs)} by name and once", part)
        first = _first_target(name, num_inputs)
        cells[name] = [
            (*_edge(edge), target)
            for target, group in enumerate(match[2].split("+"), start=first)
            for edge in _edges(group)
        ]
    return cells


def _edges(group: str) -> list[str]:
    if len(group) < 2 or group[0] != "|" or group[-1] != "|":
        _fail("edges between bars", group or "+")
    return group[1:-1].split("|")


def _edge(text: str) -> tuple[str, int]:
    match = _EDGE.fullmatch(text)
    if not match:
        _fail("an edge 'op~source'", text or "||")
    return match[1], int(match[2])


def _first_target(name: str, num_inputs: Mapping[str, int]) -> int:
    if name not in num_inputs:
        _fail(f"one of the cells {', '.join(num_inputs)}", name)
    return num_inputs[name]


class _GenotypeText:
    """A cursor over the tokens of ``Genotype(...)``."""

    def __init__(self, text: str) -> None:
        self._tokens: Iterator[tuple[str, str]] = self._split(text)
        self._advance()

    @staticmethod
    def _split(text: str) -> Iterator[tuple[str, str]]:
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if not match:
                _fail("the text of a Genotype", text[position:])
            kind = match.lastgroup or ""
            value = match[kind]
            yield ("string" if kind in ("single", "double") else kind), value
            position = match.end()
        yield "end", ""

    def _advance(self) -> None:
        self._kind, self._value = next(self._tokens)

    def _take(self, kind: str, value: str | None = None) -> str:
        if self._kind != kind or (value is not None and self._value != value):
            _fail(repr(value) if value else f"a {kind}", self._value)
        taken = self._value
        if kind != "end":
            self._advance()
        return taken

    def _at(self, mark: str) -> bool:
        if self._kind == "mark" and self._value == mark:
            self._advance()
            return True
        return False

    def read(self, num_inputs: Mapping[str, int]) -> dict[str, list[RawChoice]]:
        self._take("name", "Genotype")
        self._take("mark", "(")
        cells: dict[str, list[RawChoice]] = {}
        concats: dict[str, list[int]] = {}
        while not self._at(")"):
            name = self._take("name")
            self._take("mark", "=")
            cell = name.removesuffix("_concat")
            if cell != name and name not in num_inputs:
                known, value = concats, self._concat()
            else:
                known, value = cells, self._pairs(_first_target(name, num_inputs))  # type: ignore[assignment]
            if cell in known:
                _fail("every field once", name)
            known[cell] = value
            if not self._at(","):
                self._take("mark", ")")
                break
        self._take("end")
        for name, concat in concats.items():
            targets = sorted({target for _, _, target in cells.get(name, [])})
            if concat != targets:
                _fail(f"{name}_concat to be the nodes {targets}", str(concat[:12]))
        return cells

    def _pairs(self, first: int) -> list[RawChoice]:
        self._take("mark", "[")
        choices: list[RawChoice] = []
        while not self._at("]"):
            self._take("mark", "(")
            operation = self._take("string")
            self._take("mark", ",")
            source = int(self._take("number"))
            self._take("mark", ")")
            choices.append((operation, source, first + len(choices) // 2))
            if not self._at(","):
                self._take("mark", "]")
                break
        return choices

    def _concat(self) -> list[int]:
        if self._kind == "name":
            self._take("name", "range")
            self._take("mark", "(")
            start = int(self._take("number"))
            self._take("mark", ",")
            stop = int(self._take("number"))
            self._take("mark", ")")
            return list(range(start, stop))
        closing = ")" if self._at("(") else "]"
        if closing == "]":
            self._take("mark", "[")
        nodes: list[int] = []
        while not self._at(closing):
            nodes.append(int(self._take("number")))
            if not self._at(","):
                self._take("mark", closing)
                break
        return nodes
