"""Train a network from scratch by a protocol, evaluate it, and hand it on (torch)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from swarmnas.training.config import TrainingConfig
from swarmnas.training.protocol import Protocol, load_protocol, protocols

if TYPE_CHECKING:
    from swarmnas.training.assessment import assess
    from swarmnas.training.evaluation import Evaluation, evaluate
    from swarmnas.training.export import export
    from swarmnas.training.fitting import Fit, fit
    from swarmnas.training.run import TrainingResult, resume, train
    from swarmnas.training.saved import Saved, load_network, read_saved

__all__ = [
    "Evaluation",
    "Fit",
    "Protocol",
    "Saved",
    "TrainingConfig",
    "TrainingResult",
    "assess",
    "evaluate",
    "export",
    "fit",
    "load_network",
    "load_protocol",
    "protocols",
    "read_saved",
    "resume",
    "train",
]

_LAZY = {
    "assessment": ("assess",),
    "export": ("export",),
    "evaluation": ("Evaluation", "evaluate"),
    "fitting": ("Fit", "fit"),
    "run": ("TrainingResult", "resume", "train"),
    "saved": ("Saved", "load_network", "read_saved"),
}
"""Module -> its public names: they import torch, which takes seconds."""


def __getattr__(name: str) -> Any:
    for module, names in _LAZY.items():
        if name in names:
            value = getattr(importlib.import_module(f"swarmnas.training.{module}"), name)
            globals()[name] = value  # `export` names a module too, which its import put here
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
