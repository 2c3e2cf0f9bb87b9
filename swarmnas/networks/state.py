"""The state of modules and torch optimizers as NumPy arrays and plain data, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

__all__ = ["load_module", "load_optimizer", "module_state", "optimizer_state"]


def module_state(module: torch.nn.Module) -> dict[str, np.ndarray[Any, Any]]:
    """Return copies of a module's parameters and buffers by name."""
    return {name: _array(tensor) for name, tensor in module.state_dict().items()}


def load_module(module: torch.nn.Module, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Set a module's parameters and buffers from :func:`module_state`."""
    module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return a torch optimizer's state with arrays for tensors and text for numbers as keys."""
    state = optimizer.state_dict()
    slots = {
        str(number): {
            name: _array(value) if isinstance(value, torch.Tensor) else value
            for name, value in slot.items()
        }
        for number, slot in state["state"].items()
    }
    return {"slots": slots, "groups": state["param_groups"]}


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Continue from :func:`optimizer_state`."""
    slots = {
        int(number): {
            name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
            for name, value in slot.items()
        }
        for number, slot in state["slots"].items()
    }
    optimizer.load_state_dict({"state": slots, "param_groups": state["groups"]})


def _array(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    return tensor.detach().cpu().numpy().copy()
