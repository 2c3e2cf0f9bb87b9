"""What a search would take on the device at hand: a few steps of each phase, timed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory
from typing import Any

import torch

from swarmnas.networks.devices import device_of
from swarmnas.phases import Phase, Policy
from swarmnas.runs import Callback
from swarmnas.search.config import SearchConfig
from swarmnas.search.loaders import Loader, images_of, set_epoch
from swarmnas.search.loop import policy_of, run

__all__ = ["PhaseCost", "Rehearsal", "rehearse"]


@dataclass(frozen=True)
class PhaseCost:
    """What one phase would take.

    Attributes:
        name: The phase.
        epochs: Epochs that the policy plans for it; all of the search where it plans none.
        steps: Steps an epoch.
        step_seconds: Mean seconds a step, moves of the alphas included.
        epoch_seconds: Seconds an epoch: its steps, and the readings after them.
    """

    name: str
    epochs: int
    steps: int
    step_seconds: float
    epoch_seconds: float


@dataclass(frozen=True)
class Rehearsal:
    """What a search would take.

    Attributes:
        phases: By phase.
        device: The device, in words.
        memory: Most bytes in use: of the device's memory on CUDA, of this process otherwise;
            None where the system does not say.
    """

    phases: tuple[PhaseCost, ...]
    device: str
    memory: int | None

    @property
    def hours(self) -> float:
        """Hours of the whole search, if every phase takes the epochs planned."""
        return sum(phase.epochs * phase.epoch_seconds for phase in self.phases) / 3600


def rehearse(config: SearchConfig, *, steps: int = 20) -> Rehearsal:
    """Time a few steps of each phase of a search, and write nothing that stays.

    Each phase begins at fresh weights. Costly probes, such as the Hessian's eigenvalue, are not
    taken; checkpoints of the size of the search are.

    Args:
        config: The search.
        steps: Steps of each phase that are timed; at most one epoch.

    Raises:
        SwarmNASError: As :func:`swarmnas.search.run`.
    """
    policy, device = policy_of(config), device_of(config.device)
    images = images_of(config, device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    short = _First(images.train, steps)
    costs = []
    with TemporaryDirectory(prefix="swarmnas-dry-run-") as folder:
        for number, phase in enumerate(policy.phases):
            document = Path(folder) / f"phase-{number}.toml"
            document.write_text(_alone(phase).to_toml(), encoding="utf-8")
            clock = _Clock()
            run(
                config.model_copy(
                    update={
                        "policy": str(document),
                        "epochs": None,
                        "optimizer": None,
                        "population_size": None,
                        "num_classes": images.num_classes,
                    }
                ),
                train=short,
                valid=images.valid,
                out=Path(folder) / f"run-{number}",
                callbacks=[clock],
            )
            costs.append(_cost(phase, policy, clock, len(images.train)))
    return Rehearsal(tuple(costs), _words(device), _peak_memory(device))


def _alone(phase: Phase) -> Policy:
    """Return a policy of one epoch of a phase; where drivers take turns, one turn of each."""
    epochs = phase.swarm_every if phase.alphas == "alternate" else 1
    data = {**phase.to_data(), "until": [{"trigger": "epochs", "at_least": epochs}], "back_to": []}
    return Policy(name="dry run", epochs=epochs, phases=(Phase(**data),))


def _cost(phase: Phase, policy: Policy, clock: _Clock, steps: int) -> PhaseCost:
    seconds = []
    for epoch, timed in enumerate(clock.steps):
        period = phase.every if phase.driver(epoch) == "swarm" else phase.gradient_every
        seconds.append(_steps_seconds(timed, steps if period == "epoch" else period, steps))
    every = fmean(seconds)
    return PhaseCost(
        phase.name,
        phase.planned_epochs or policy.epochs,
        steps,
        every / steps,
        every + fmean(clock.readings),
    )


def _steps_seconds(timed: list[float], period: int, steps: int) -> float:
    """Return the seconds of ``steps`` steps, of which each ``period``-th moves the alphas.

    The first step is slower than those to come, and counts only where no other moves the alphas.

    Example:
        >>> _steps_seconds([9.0, 1.0, 1.0, 3.0, 1.0, 1.0], 3, 12)
        20.0
    """
    moving = timed[::period][1:] or timed[:1]
    others = [seconds for at, seconds in enumerate(timed) if at % period] or moving
    moves = -(-steps // period)
    return moves * median(moving) + (steps - moves) * median(others)


class _Clock(Callback):
    """Seconds of each step, and of the readings after the steps, epoch by epoch."""

    def __init__(self) -> None:
        self.steps: list[list[float]] = []
        self.readings: list[float] = []
        self._last = 0.0

    def on_step(self, progress: Mapping[str, Any]) -> None:
        """Note when a step ended."""
        if progress["step"] == 1:
            self.steps.append([])
        self.steps[-1].append(progress["seconds"] - self._last)
        self._last = progress["seconds"]

    def on_record(self, record: Mapping[str, Any]) -> None:
        """Note when an epoch ended."""
        if record["kind"] == "epoch":
            seconds = record["timing"]["seconds"]
            self.readings.append(seconds - self._last)
            self._last = seconds


class _First:
    """The first batches of a loader."""

    def __init__(self, loader: Loader, batches: int) -> None:
        self._loader, self._batches = loader, min(batches, len(loader))

    def __iter__(self) -> Iterator[Any]:
        return islice(iter(self._loader), self._batches)

    def __len__(self) -> int:
        return self._batches

    def set_epoch(self, epoch: int) -> None:
        set_epoch(self._loader, epoch)


def _words(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} thread(s)"


def _peak_memory(device: torch.device) -> int | None:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
