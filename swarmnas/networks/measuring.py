"""What a network takes on the device at hand: time and memory."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from swarmnas.checks import as_int

__all__ = ["Latency", "PeakMemory", "latency", "peak_memory"]


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Seconds that a forward pass takes."""

    median: float
    low: float
    """A quarter of the runs took less."""
    high: float
    """A quarter of the runs took more."""
    runs: int


def latency(network: nn.Module, images: Tensor, *, runs: int = 20, warm_up: int = 3) -> Latency:
    """Time the forward pass of a network in evaluation mode, again and again.

    Args:
        network: On the device of ``images``.
        images: What it is fed.
        runs: Passes that are timed, >= 2.
        warm_up: Passes before them that are not.
    """
    as_int("runs", runs, low=2)
    seconds = []
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            for number in range(warm_up + runs):
                _wait(images.device)
                began = time.perf_counter()
                network(images)
                _wait(images.device)
                if number >= warm_up:
                    seconds.append(time.perf_counter() - began)
    finally:
        network.train(was_training)
    low, median, high = statistics.quantiles(seconds, n=4)
    return Latency(median=median, low=low, high=high, runs=runs)


def peak_memory(network: nn.Module, images: Tensor) -> int:
    """Return the most bytes that tensors of a forward pass hold at once, weights included.

    Buffers that kernels use inside are not seen on the CPU.
    """
    own = [*network.parameters(), *network.buffers()]
    held = sum(tensor.numel() * tensor.element_size() for tensor in [*own, images])
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad(), PeakMemory() as memory:
            network(images)
    finally:
        network.train(was_training)
    return int(held + memory.peak)


class PeakMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follow the bytes of the tensors that are made inside the block and still alive.

    Example:
        >>> with PeakMemory() as memory:
        ...     for _ in range(3):
        ...         kept = torch.zeros(10) + 1
        >>> memory.peak
        120
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        """The most bytes so far."""
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation and count what it made."""
        given = {
            leaf.untyped_storage()._cdata
            for leaf in tree_leaves((args, kwargs))
            if isinstance(leaf, Tensor)
        }
        output = func(*args, **(kwargs or {}))
        self._alive = {
            key: (storage, size)
            for key, (storage, size) in self._alive.items()
            if not storage.expired()  # type: ignore[no-untyped-call]
        }
        for leaf in tree_leaves(output):
            if isinstance(leaf, Tensor):
                storage = leaf.untyped_storage()
                key = storage._cdata
                if key not in given:
                    alive = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
                    self._alive[key] = (alive, storage.nbytes())
        self.peak = max(self.peak, sum(size for _, size in self._alive.values()))
        return output


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
