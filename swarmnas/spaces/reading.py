"""A genotype from whatever a user has in hand: a run, a file, a name or the text itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swarmnas.checks import explain, unknown_name
from swarmnas.documents import parse_json, read_text
from swarmnas.errors import RunError, SettingError, UnknownNameError
from swarmnas.spaces.catalogue import create
from swarmnas.spaces.genotype import Genotype
from swarmnas.spaces.published import available_genotypes, named_genotype

__all__ = ["genotype_and_origin", "read_genotype"]


def read_genotype(words: str, *, space: str | None = None) -> Genotype:
    """Return the genotype that a user names, checked against its space.

    Args:
        words: The directory of a finished search or training, a JSON file, the name of a
            published cell, or a genotype's text.
        space: Its space. A text does not show it: by default "darts" for ``Genotype(...)``,
            "nasbench201" for a cell string.

    Raises:
        UnknownNameError: None of these.
        RunError: The directory has found nothing yet.
        DocumentError: The file or the text is malformed.
        SettingError: The genotype does not belong to its space.

    Example:
        >>> read_genotype("DARTS_V2").space
        'darts'
        >>> read_genotype("|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|").space
        'nasbench201'
    """
    return genotype_and_origin(words, space=space)[0]


def genotype_and_origin(words: str, *, space: str | None = None) -> tuple[Genotype, dict[str, Any]]:
    """Return the genotype of :func:`read_genotype`, and how it was found as far as is on record.

    Example:
        >>> genotype_and_origin("DARTS_V2")[1]
        {'genotype': 'DARTS_V2'}
    """
    text, origin = words.strip(), {"genotype": words}
    if text.startswith(("|", "Genotype(")):
        named = create(space or ("nasbench201" if text[0] == "|" else "darts"))
        return named.parse(text), origin
    if text in available_genotypes():
        genotype = named_genotype(text)
    else:
        content = _content(words, text)
        found = content.get("found") if isinstance(content, Mapping) else None
        origin |= found if isinstance(found, Mapping) else {}
        if isinstance(content, Mapping) and "genotype" in content:
            content = content["genotype"]
        genotype = Genotype.from_json(content)
        create(genotype.space).indices_of(genotype)
    if space not in (None, genotype.space):
        raise SettingError(
            explain("space", f"{genotype.space!r}, that of {words}", repr(space), "Leave it out.")
        )
    return genotype, origin


def _content(words: str, text: str) -> Any:
    """Return the JSON of a file, or of what a run left in its directory."""
    path = Path(text)
    if not path.exists():
        if "/" in text or os.sep in text:
            raise RunError(
                explain(text, "a run directory or a JSON file", "nothing there", "Check the path.")
            )
        raise UnknownNameError(
            f"{unknown_name('genotype', words, available_genotypes())} "
            "A run directory, a JSON file or a genotype's text is accepted too."
        )
    if path.is_dir():
        whole = [path / n for n in ("genotype.json", "network.json") if (path / n).is_file()]
        if not whole:
            raise RunError(
                explain(words, "a finished search or training", "none yet", "Resume it to its end.")
            )
        path = whole[0]
    return parse_json(read_text(path), source=str(path))
