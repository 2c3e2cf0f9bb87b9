"""Swarms inside other tools, and other tools around ours; each needs its extra.

Importing this package imports none of them.
"""

from __future__ import annotations

import importlib
from typing import Any

_LAZY = {
    "RayExecutor": "swarmnas.integrations.ray",
    "Solver": "swarmnas.integrations.solver",
    "SwarmAlgorithm": "swarmnas.integrations.pymoo",
    "SwarmSampler": "swarmnas.integrations.optuna",
    "SwarmSearch": "swarmnas.integrations.ray_tune",
    "TensorBoard": "swarmnas.integrations.trackers",
    "WeightsAndBiases": "swarmnas.integrations.trackers",
    "MLflow": "swarmnas.integrations.trackers",
    "scipy_method": "swarmnas.integrations.scipy",
}
"""Public name -> the module it lives in; imported on first use."""

__all__ = [*_LAZY]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'swarmnas.integrations' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
