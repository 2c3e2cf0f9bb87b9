"""Where tensors live."""

from __future__ import annotations

import torch

from swarmnas.checks import explain, one_of
from swarmnas.errors import DeviceError

__all__ = ["device_of"]


def device_of(name: str) -> torch.device:
    """Return the device that a setting names; "auto" takes an accelerator if there is one.

    Raises:
        UnknownNameError: It is none of "auto", "cpu" and "cuda".
        DeviceError: There is no such device here.

    Example:
        >>> device_of("cpu")
        device(type='cpu')
    """
    one_of("device", name, ("auto", "cpu", "cuda"))
    present = torch.cuda.is_available()
    if name == "cuda" and not present:
        raise DeviceError(
            explain("device", "a CUDA device", "none on this machine", "Use device 'cpu'.")
        )
    return torch.device(name if name != "auto" else "cuda" if present else "cpu")
