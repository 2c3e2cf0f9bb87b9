"""The presets, one TOML file each; an attribute of this package is the policy of that name."""

from functools import cache
from importlib.resources import files

from swarmnas.phases.policy import Policy


@cache
def __getattr__(name: str) -> Policy:
    from swarmnas.phases.catalogue import parse_policy

    file = files(__name__) / f"{name}.toml"
    if not file.is_file():
        raise AttributeError(name)
    return parse_policy(file.read_text(encoding="utf-8"), source=file.name)
