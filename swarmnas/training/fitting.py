"""Train a network by stochastic gradient descent, step by step, so that any step can be the last.

What a step draws is named by (seed, epoch, step), and batches depend on their epoch alone: a
training that stops anywhere goes on from its last checkpoint as if it had not stopped.
"""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from swarmnas.checks import explain, finite_loss
from swarmnas.errors import DataError
from swarmnas.networks.memory import within_memory
from swarmnas.networks.network import Network
from swarmnas.networks.seeding import seeded
from swarmnas.networks.state import load_module, load_optimizer, module_state, optimizer_state
from swarmnas.networks.team import ALONE, Team
from swarmnas.rng import Seed, seed_sequence
from swarmnas.runs import Callback, Callbacks
from swarmnas.training.evaluation import evaluate
from swarmnas.training.protocol import Protocol

__all__ = ["Fit", "fit"]

Batches = Iterable[tuple[Tensor, Tensor]]
Arrays = dict[str, np.ndarray[Any, Any]]


def fit(
    network: nn.Module,
    batches: Batches,
    protocol: Protocol,
    *,
    seed: Seed,
    valid: Batches | None = None,
    callbacks: Sequence[Callback] = (),
) -> list[dict[str, Any]]:
    """Train a network in place, from the first epoch of a protocol to its last.

    Args:
        network: Maps images to logits, or in training mode to the logits of two heads; trained in
            training mode, its mode is restored.
        batches: ``(images, labels)``, gone through once an epoch; ``batches.set_epoch(epoch)`` is
            called before, where there is such a method.
        protocol: Epochs, rates and losses; what builds the network and its images is not read.
        seed: Draws what the network draws while it is trained, such as drop path.
        valid: Batches on which each epoch ends with an evaluation.
        callbacks: Hear ``on_start``, ``on_step``, ``on_record`` and ``on_end``.

    Returns:
        One record an epoch: ``kind`` "epoch", ``epoch`` from 1, ``train_loss``,
        ``train_accuracy``, ``learning_rate``, with ``valid`` also ``valid_loss`` and
        ``valid_accuracy``; clocks under ``timing``.

    Raises:
        DataError: An epoch has no batch.
        DivergenceError: The loss became NaN or infinite.

    Example:
        >>> protocol = Protocol(epochs=1, batch_size=2, learning_rate=0.1)
        >>> batches = [(torch.eye(2), torch.tensor([0, 1]))]
        >>> [record["epoch"] for record in fit(nn.Linear(2, 2), batches, protocol, seed=0)]
        [1]
    """
    training = Fit(network, protocol, seed=seed)
    watchers = Callbacks(callbacks)
    watchers.on_start(protocol.to_mapping())
    history: list[dict[str, Any]] = []

    def record(entry: dict[str, Any]) -> None:
        history.append(entry)
        watchers.on_record(entry)

    training.run(batches, valid=valid, on_step=watchers.on_step, on_record=record)
    watchers.on_end(history[-1])
    return history


class Fit:
    """A training in memory.

    Args:
        network: As for :func:`fit`.
        protocol: As for :func:`fit`.
        seed: As for :func:`fit`.
        team: The processes that train it; each is given its own share of every batch.
    """

    def __init__(
        self, network: nn.Module, protocol: Protocol, *, seed: Seed, team: Team = ALONE
    ) -> None:
        self.network, self.protocol = network, protocol
        self.epoch, self.step = 1, 0
        """The epoch under way, from 1, and how many of its steps were taken."""
        self._seed, self._team = seed_sequence(seed), team
        self._totals = [0.0, 0.0, 0.0, 0.0]  # loss, hits, images, seconds of the epoch under way
        self._device = next(network.parameters()).device
        self._optimizer = torch.optim.SGD(
            network.parameters(),
            lr=protocol.learning_rate,
            momentum=protocol.momentum,
            weight_decay=protocol.weight_decay,
            nesterov=protocol.nesterov and protocol.momentum > 0,
            fused=True,
        )
        self._average = None if protocol.average is None else copy.deepcopy(network)
        self._scaler = torch.amp.GradScaler(
            self._device.type, enabled=protocol.precision == "float16"
        )
        self._forward: Callable[[Tensor], Any] = team.joined(network)
        if protocol.compile:
            self._forward = torch.compile(self._forward)

    @property
    def finished(self) -> bool:
        """Whether the last epoch is over."""
        return self.epoch > self.protocol.epochs

    def run(
        self,
        batches: Batches,
        *,
        valid: Batches | None = None,
        on_step: Callable[[Mapping[str, Any]], None] = lambda progress: None,
        on_record: Callable[[dict[str, Any]], None] = lambda record: None,
        checkpoint: Callable[[bool], None] = lambda whole_epoch: None,
    ) -> None:
        """Go on to the end of the last epoch.

        Args:
            batches: As for :func:`fit`.
            valid: As for :func:`fit`.
            on_step: Told of each step.
            on_record: Told of each epoch.
            checkpoint: Called where :meth:`state` may be taken, after each step and each epoch.
        """
        was_training = self.network.training
        try:
            while not self.finished:
                self.network.train()
                for images, labels in self._prepared(batches):
                    loss = self.take(images.to(self._device), labels.to(self._device))
                    on_step(self._progress(loss, batches))
                    checkpoint(False)
                on_record(self._close(valid))
                checkpoint(True)
        finally:
            self.network.train(was_training)
        if self._average is not None:
            self.network.load_state_dict(self._average.state_dict())

    def _prepared(self, batches: Batches) -> Iterable[tuple[Tensor, Tensor]]:
        """Set the epoch's rates and return the batches of it that were not taken yet."""
        for group in self._optimizer.param_groups:
            group["lr"] = self.protocol.learning_rate_of(self.epoch)
        if isinstance(self.network, Network):
            self.network.drop_path = self.protocol.drop_path_of(self.epoch)
        if hasattr(batches, "set_epoch"):
            batches.set_epoch(self.epoch)
        return islice(batches, self.step, None)

    def take(self, images: Tensor, labels: Tensor) -> float:
        """Take one step, this process with its share of the batch; return the batch's loss."""
        began = time.perf_counter()
        (num_images,) = self._team.total([len(labels)], self._device)
        share = self._team.size * len(labels) / num_images  # the mean of means needs equal shares

        def gradients(size: int) -> tuple[Tensor, Tensor]:
            draws = seed_sequence(self._seed, self.epoch, self.step, self._team.rank)
            forward = self._forward if size == len(labels) else self.network  # a try is our own
            with seeded(draws), self._autocast():
                logits, *auxiliary = _as_tuple(forward(images[:size]))
                loss = main = self._loss(logits, labels[:size])
                for other in auxiliary:
                    loss = loss + self.protocol.auxiliary * self._loss(other, labels[:size])
            self._optimizer.zero_grad()
            self._scaler.scale(share * loss).backward()  # type: ignore[no-untyped-call]
            return main, logits

        main, logits = within_memory(gradients, len(labels))
        where = f"training loss in epoch {self.epoch}, step {self.step + 1}"
        hits = int((logits.detach().argmax(1) == labels).sum())
        sums = self._team.total([float(main.detach()) * len(labels), hits], self._device)
        value = finite_loss(where, sums[0] / num_images)
        if self.protocol.gradient_clip is not None:
            self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.protocol.gradient_clip)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._follow()
        self.step += 1
        taken = (*sums, num_images, time.perf_counter() - began)
        self._totals = [total + more for total, more in zip(self._totals, taken, strict=True)]
        return value

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self.protocol.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self._device.type, dtype=getattr(torch, self.protocol.precision))

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(
            logits, labels, label_smoothing=self.protocol.label_smoothing
        )

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the running average towards the weights."""
        if self._average is None or self.protocol.average is None:
            return
        now = self.network.state_dict()
        for name, mean in self._average.state_dict().items():
            if mean.is_floating_point():
                mean.lerp_(now[name], 1 - self.protocol.average)
            else:
                mean.copy_(now[name])

    def _progress(self, loss: float, batches: Batches) -> dict[str, Any]:
        return {
            "phase": "training",
            "epoch": self.epoch,
            "epochs": self.protocol.epochs,
            "step": self.step,
            "steps": len(batches) if isinstance(batches, Sized) else None,
            "seconds": self._totals[3],
            "train_loss": loss,
        }

    def _close(self, valid: Batches | None) -> dict[str, Any]:
        """Return the record of the epoch and go on to the next."""
        loss, hits, num_images, seconds = self._totals
        if not num_images:
            raise DataError(explain("batches", "one batch or more", "none", "Pass a larger set."))
        record = {
            "kind": "epoch",
            "epoch": self.epoch,
            "train_loss": loss / num_images,
            "train_accuracy": hits / num_images,
            "learning_rate": self.protocol.learning_rate_of(self.epoch),
            "timing": {"seconds": seconds},
        }
        if valid is not None:
            score = evaluate(self._average or self.network, valid)
            record |= {"valid_loss": score.loss, "valid_accuracy": score.accuracy}
        self.epoch, self.step, self._totals = self.epoch + 1, 0, [0.0] * 4
        return record

    def state(self) -> tuple[Arrays, dict[str, Any]]:
        """Return all that :meth:`restore` needs, as arrays and plain data."""
        arrays = {f"network.{name}": array for name, array in module_state(self.network).items()}
        if self._average is not None:
            average = module_state(self._average)
            arrays |= {f"average.{name}": array for name, array in average.items()}
        state = {
            "epoch": self.epoch,
            "step": self.step,
            "totals": self._totals,
            "optimizer": optimizer_state(self._optimizer),
            "scaler": self._scaler.state_dict(),
        }
        return arrays, state

    def restore(self, arrays: Arrays, state: Mapping[str, Any]) -> None:
        """Go back, or forward, to where :meth:`state` was taken."""
        for prefix, module in (("network.", self.network), ("average.", self._average)):
            if module is not None:
                load_module(
                    module,
                    {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)},
                )
        load_optimizer(self._optimizer, state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        self.epoch, self.step = state["epoch"], state["step"]
        self._totals = list(state["totals"])


def _as_tuple(output: Any) -> tuple[Tensor, ...]:
    return output if isinstance(output, tuple) else (output,)
