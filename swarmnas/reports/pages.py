"""The frame of every page: one HTML file with its styles and scripts inside, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from swarmnas.checks import require

__all__ = ["render"]


def render(
    template: str, *, filters: Mapping[str, Callable[[Any], str]] | None = None, **values: Any
) -> str:
    """Return a page from a template of this package; values are escaped.

    Raises:
        MissingDependencyError: jinja2 is not installed.
    """
    jinja = require("jinja2", extra="all", needed_by="the page")
    environment = jinja.Environment(
        autoescape=True,
        loader=jinja.PackageLoader("swarmnas.reports", "templates"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja.StrictUndefined,
    )
    environment.filters.update(filters or {})
    return str(environment.get_template(template).render(values))
