"""Train a network by stochastic gradient descent."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from swarmnas.checks import as_float, as_int, explain
from swarmnas.errors import DataError, DivergenceError
from swarmnas.networks.seeding import seeded
from swarmnas.rng import Seed
from swarmnas.runs import Callback, Callbacks

__all__ = ["fit"]


def fit(
    network: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    epochs: int,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
    seed: Seed,
    callbacks: Sequence[Callback] = (),
) -> list[dict[str, Any]]:
    """Train a network in place: SGD with Nesterov momentum, rate falling as a cosine.

    Args:
        network: Maps images to logits; trained in training mode, its mode is restored.
        batches: ``(images, labels)``, gone through once an epoch; ``batches.set_epoch(epoch)`` is
            called before, where there is such a method.
        epochs: How often to go through them.
        learning_rate: In the first epoch; it falls to 0 after the last, and changes between
            epochs, as in the published protocols.
        momentum: Nesterov momentum, in [0, 1].
        weight_decay: Of every weight.
        seed: Draws what the network draws while it is trained, such as dropout.
        callbacks: Hear ``on_start``, ``on_step``, ``on_record`` and ``on_end``.

    Returns:
        One record an epoch: ``kind`` "epoch", ``epoch`` from 1, ``train_loss``,
        ``train_accuracy``, ``learning_rate``, clocks under ``timing``.

    Raises:
        SettingError: A number is out of range.
        DataError: An epoch has no batch.
        DivergenceError: The loss became NaN or infinite.
    """
    as_int("epochs", epochs, low=0)
    as_float("learning_rate", learning_rate, low=0, open_low=True)
    as_float("momentum", momentum, low=0, high=1)
    as_float("weight_decay", weight_decay, low=0)
    watchers = Callbacks(callbacks)
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=learning_rate,
        momentum=momentum,
        weight_decay=weight_decay,
        nesterov=momentum > 0,
    )
    watchers.on_start(
        {
            "epochs": epochs,
            "learning_rate": learning_rate,
            "momentum": momentum,
            "weight_decay": weight_decay,
        }
    )
    history: list[dict[str, Any]] = []
    was_training = network.training
    network.train()
    try:
        with seeded(seed):
            for epoch in range(1, epochs + 1):
                rate = 0.5 * learning_rate * (1 + math.cos(math.pi * (epoch - 1) / epochs))
                for group in optimizer.param_groups:
                    group["lr"] = rate
                if hasattr(batches, "set_epoch"):
                    batches.set_epoch(epoch)
                record = _epoch(network, batches, optimizer, epoch, watchers)
                history.append({**record, "learning_rate": rate})
                watchers.on_record(history[-1])
    finally:
        network.train(was_training)
    watchers.on_end(history[-1] if history else {})
    return history


def _epoch(
    network: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimizer: torch.optim.Optimizer,
    epoch: int,
    watchers: Callback,
) -> dict[str, Any]:
    """Take one step a batch and return the epoch's record."""
    device = next(network.parameters()).device
    began = time.perf_counter()
    loss_sum, hits, num_images = 0.0, 0, 0
    for step, (images, labels) in enumerate(batches, start=1):
        labels = labels.to(device)
        logits = network(images.to(device))
        loss = functional.cross_entropy(logits, labels)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise DivergenceError(
                explain(
                    f"training loss in epoch {epoch}, step {step}",
                    "a finite number",
                    value,
                    "Lower the learning rate, and look for NaN in the images.",
                )
            )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        num_images += len(labels)
        loss_sum += value * len(labels)
        hits += int((logits.detach().argmax(1) == labels).sum())
        watchers.on_step({"epoch": epoch, "step": step, "train_loss": value})
    if not num_images:
        raise DataError(explain("batches", "one batch or more", "none", "Pass a larger set."))
    return {
        "kind": "epoch",
        "epoch": epoch,
        "train_loss": loss_sum / num_images,
        "train_accuracy": hits / num_images,
        "timing": {"seconds": time.perf_counter() - began},
    }
