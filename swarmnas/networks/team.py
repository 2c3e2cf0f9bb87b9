"""The processes that train or search one network together, as ``torchrun`` starts them.

Each takes its share of every batch, and their gradients are averaged. A batch is that of all
together: it means the same for one process as for eight.
"""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

__all__ = ["ALONE", "Team", "assemble"]

Rows = TypeVar("Rows", bound=Any)
"""Anything that slices along its first axis."""


@dataclass(frozen=True)
class Team:
    """This process among those that work on one network.

    Args:
        rank: Its number, from 0.
        size: How many there are.

    Example:
        >>> ALONE.leads, ALONE.total([1.0, 2.0])
        (True, [1.0, 2.0])
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    def joined(self, network: nn.Module) -> nn.Module:
        """Return what runs a network so that its gradients are the team's mean."""
        if self.size == 1:
            return network
        # The same part of a cell is dead at every step, if any: the graph is static.
        return nn.parallel.DistributedDataParallel(network, static_graph=True)

    def total(self, values: Sequence[float], device: torch.device | str = "cpu") -> list[float]:
        """Return the sums of numbers over the team; every process must ask."""
        if self.size == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64, device=device)
        distributed.all_reduce(sums)
        return [float(value) for value in sums]

    def share(self, rows: Rows) -> Rows:
        """Return this process's share of a batch or of a swarm.

        Example:
            >>> Team(rank=1, size=3).share([0, 1, 2, 3, 4])
            [1, 4]
        """
        mine: Rows = rows[self.rank :: self.size]
        return mine

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Set tensors to their mean over the team, in one message; every process must ask."""
        if self.size == 1:
            return
        with torch.no_grad():
            joint = torch.cat([tensor.flatten() for tensor in tensors])
            distributed.all_reduce(joint)
            parts = torch.split(joint / self.size, [tensor.numel() for tensor in tensors])
            for tensor, part in zip(tensors, parts, strict=True):
                tensor.copy_(part.view_as(tensor))

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.size > 1:
            distributed.barrier()


ALONE = Team()


def assemble(device: torch.device) -> tuple[Team, torch.device]:
    """Return the team that ``torchrun`` made this process part of, and this process's device.

    Args:
        device: What the setting names; each process on a machine takes a CUDA device of its own.
    """
    if not _launched():
        return ALONE, device
    if device.type == "cuda":
        device = torch.device("cuda", distributed.get_node_local_rank())
        torch.cuda.set_device(device)
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        atexit.register(distributed.destroy_process_group)
    return Team(distributed.get_rank(), distributed.get_world_size()), device


def _launched() -> bool:
    return distributed.is_available() and distributed.is_torchelastic_launched()
