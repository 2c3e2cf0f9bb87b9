"""What our docstrings spell otherwise than the tool that renders them: examples and roles."""

import re

from griffe import Extension, Object

_EXAMPLE = re.compile(r"^Example:$", re.M)
_ROLE = re.compile(r":\w+:`~?(?:[\w.]+\.)?(\w+)`")


class Docstrings(Extension):
    """Make "Example:" a section of code, and Sphinx's roles plain code."""

    def on_instance(self, *, obj: Object, **_: object) -> None:
        """Rewrite the docstring of ``obj``."""
        if obj.docstring is not None:
            text = _EXAMPLE.sub("Examples:", obj.docstring.value)
            obj.docstring.value = _ROLE.sub(r"`\1`", text)
