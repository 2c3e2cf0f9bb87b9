"""Policies by name: the presets, those of installed packages, and files."""

from __future__ import annotations

from pathlib import Path

from swarmnas.checks import unknown_name
from swarmnas.documents import parse_toml, read_text, validate
from swarmnas.errors import UnknownNameError
from swarmnas.phases.policy import Policy
from swarmnas.registry import Registry

__all__ = ["available", "load_policy", "parse_policy", "policies"]

policies = Registry[Policy]("policy", group="swarmnas.policies", holds=Policy)
"""Every policy by name; packages add theirs (a `Policy`) through ``swarmnas.policies``."""

for _name, _summary in (
    ("g-icso-nas", "Warm-up, exploration by swarm, stability by gradient (reconstruction)."),
    ("darts", "Gradient on the alphas throughout, first order."),
    ("darts-2nd", "Gradient on the alphas throughout, second order."),
    ("warm-darts", "Alphas frozen for 15 epochs of 50, then the gradient."),
    ("beta-darts", "DARTS with beta decay of the alphas."),
    ("darts-es", "DARTS that stops early and rolls back when the Hessian's eigenvalue grows."),
    ("swarm-only", "Warm-up, then the swarm to the end."),
    ("alternate", "Warm-up, then gradient and swarm in turn."),
    ("eg-nas", "Warm-up, then an evolution strategy on the alphas (approximation)."),
    ("random", "Weights under random mixing, then random genotypes are compared."),
):
    policies.add(_name, f"swarmnas.phases.presets:{_name}", summary=_summary)


def available() -> dict[str, str]:
    """Return the names of all policies, each with a line of what it does."""
    return {name: entry.summary for name, entry in policies.entries().items()}


def parse_policy(text: str, *, source: str) -> Policy:
    """Return the policy that a TOML document holds.

    Args:
        text: The document.
        source: The file, or what stands for it; a policy without a name takes that of the file.

    Raises:
        DocumentError: The first thing that is wrong, with its line.
    """
    data = {"name": Path(source).stem, **parse_toml(text, source=source)}
    return validate(Policy, data, source=source, text=text)


def load_policy(name_or_path: str | Path) -> Policy:
    """Return a policy by its registered name, or from a TOML file.

    Raises:
        UnknownNameError: Neither a policy nor a file has that name.
        DocumentError: The file holds no valid policy.

    Example:
        >>> [phase.name for phase in load_policy("g-icso-nas").phases]
        ['warm-up', 'exploration', 'stability']
    """
    name = str(name_or_path)
    if name in policies:
        return policies.load(name)
    path = Path(name_or_path)
    if path.suffix == ".toml" or path.is_file():
        return parse_policy(read_text(path), source=name)
    raise UnknownNameError(unknown_name("policy", name, policies) + " A path ends in .toml.")
