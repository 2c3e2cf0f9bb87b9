"""The protocols, one TOML file each; an attribute of this package is the protocol of that name."""

from functools import cache
from pathlib import Path

from swarmnas.training.protocol import Protocol


@cache
def __getattr__(name: str) -> Protocol:
    from swarmnas.training.protocol import read_protocol

    file = Path(__file__).with_name(f"{name}.toml")
    if not file.is_file():
        raise AttributeError(name)
    return read_protocol(file)
