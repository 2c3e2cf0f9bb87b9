"""The whole training: genotype, images and protocol in, a run directory with a network out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from swarmnas import documents
from swarmnas.checks import explain
from swarmnas.datasets import Dataset
from swarmnas.errors import RunError
from swarmnas.networks import Network
from swarmnas.networks.devices import device_of
from swarmnas.networks.team import assemble
from swarmnas.rng import seed_sequence
from swarmnas.runs import Callback, Callbacks, RunDirectory, restoring
from swarmnas.spaces import Genotype, Space, create
from swarmnas.training.config import TrainingConfig
from swarmnas.training.fitting import Fit
from swarmnas.training.images import Stream, training_batches, training_dataset
from swarmnas.training.protocol import Protocol
from swarmnas.training.saved import Built, Saved, save_network

__all__ = ["LARGE", "TrainingResult", "resume", "train"]

LARGE = 96
"""Side from which on a network halves the images before its first cell, if its layout can."""


@dataclass(frozen=True)
class TrainingResult:
    """What a training left behind.

    Args:
        network: The trained network, in training mode as it was made.
        path: The run directory; ``load_network(path)`` reads it.
        last: The record of the last epoch.
    """

    network: nn.Module
    path: Path
    last: dict[str, Any]


def train(
    genotype: Genotype,
    config: TrainingConfig,
    protocol: Protocol,
    *,
    out: Path | str,
    overwrite: bool = False,
    origin: Mapping[str, Any] | None = None,
    callbacks: Sequence[Callback] = (),
) -> TrainingResult:
    """Train the network of a genotype from scratch; write one directory and nothing else.

    Under ``torchrun`` the processes train one network together, as
    :mod:`swarmnas.networks.team` says; the first alone writes and calls back.

    Args:
        genotype: What to build.
        config: Data set, seed and machine.
        protocol: How to build and to train it.
        out: The run directory.
        overwrite: Replace a run that is there.
        origin: How the genotype was found, as plain data, for the model card.
        callbacks: Told of every step, record and the end.

    Raises:
        SwarmNASError: A setting, name, data set or device is not to be had; nothing was written.
    """
    training = _Training(genotype, config, protocol, origin or {})
    if training.team.leads:
        RunDirectory.create(
            out,
            config={
                "training": config.to_mapping(),
                "protocol": protocol.to_mapping(),
                "genotype": {
                    "json": documents.dump_json(genotype.to_json()),
                    "origin": documents.dump_json(origin or {}),
                },
            },
            overwrite=overwrite,
        )
    training.team.wait()
    return training.execute(RunDirectory.open(out), callbacks)


def resume(path: Path | str, *, callbacks: Sequence[Callback] = ()) -> TrainingResult:
    """Continue a training from its newest whole checkpoint; a finished one just ends again.

    Raises:
        RunError: ``path`` is no training, its checkpoint is another genotype's, or another
            process works on it.
    """
    directory = RunDirectory.open(path, kind="training")
    source = str(directory.path / "config.toml")
    settings = directory.config
    genotype = settings.get("genotype")
    known = genotype if isinstance(genotype, dict) else {}
    training = _Training(
        Genotype.from_json(known.get("json")),
        TrainingConfig.from_mapping(settings["training"], source=source),
        Protocol.from_mapping(settings.get("protocol", {}), source=source),
        documents.parse_json(known.get("origin", "{}"), source=source),
    )
    return training.execute(directory, callbacks)


def build_for(
    dataset: Dataset, space: Space, protocol: Protocol, genotype: Genotype, seed: int
) -> tuple[Network, Built]:
    """Return the network of a genotype for these images; their classes, channels and size count."""
    shape = dataset.train.images.shape
    built = Built(
        num_classes=dataset.num_classes,
        in_channels=shape[1],
        channels=protocol.channels,
        cells=protocol.cells_for(space),
        large_images=min(shape[2:]) >= LARGE,
    )
    network = Network(
        space,
        genotype,
        **built.model_dump(),
        auxiliary=protocol.auxiliary > 0,
        seed=seed_sequence(seed, Stream.WEIGHTS),
    )
    return network, built


class _Training:
    """A training in memory: everything that can be refused is refused while it is made."""

    def __init__(
        self,
        genotype: Genotype,
        config: TrainingConfig,
        protocol: Protocol,
        origin: Mapping[str, Any],
    ) -> None:
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        self.genotype, self.config, self.protocol = genotype, config, protocol
        self.team, device = assemble(device_of(config.device))
        space = create(genotype.space)
        protocol.cells_for(space)  # before images are read
        dataset = training_dataset(config, protocol)
        self._train, self._valid = training_batches(dataset, config, protocol, device, self.team)
        network, built = build_for(dataset, space, protocol, genotype, config.seed)
        self._network = network.to(device)
        draws = seed_sequence(config.seed, Stream.DRAWS)
        self._fit = Fit(self._network, protocol, seed=draws, team=self.team)
        height, width = dataset.train.images.shape[2:]
        self._saved = Saved(
            genotype=genotype,
            network=built,
            dataset=dataset.name,
            image_size=(height, width),
            mean=dataset.mean,
            std=dataset.std,
            class_names=dataset.class_names,
            found={
                "origin": dict(origin),
                "training": config.to_mapping(),
                "protocol": protocol.to_mapping(),
            },
        )

    def execute(self, directory: RunDirectory, callbacks: Sequence[Callback]) -> TrainingResult:
        """Train to the end, from the newest checkpoint if there is one."""
        if self.team.leads:
            with directory.lock():
                self._lead(directory, Callbacks(callbacks))
        else:
            self._restore(directory)
            self._fit.run(self._train)
        self.team.wait()
        return TrainingResult(self._network, directory.path, directory.history()[-1])

    def _lead(self, directory: RunDirectory, callbacks: Callback) -> None:
        """Train, and write what there is to be written."""
        callbacks.on_start(directory.config)
        directory.truncate(self._restore(directory))
        saved_at = time.monotonic()

        def record(entry: dict[str, Any]) -> None:
            directory.append(entry)
            callbacks.on_record(entry)

        def checkpoint(whole_epoch: bool) -> None:
            nonlocal saved_at
            minutes = (time.monotonic() - saved_at) / 60
            if whole_epoch or minutes >= self.config.checkpoint_minutes:
                callbacks.on_checkpoint(self._save(directory))
                saved_at = time.monotonic()

        self._fit.run(
            self._train,
            valid=self._valid,
            on_step=callbacks.on_step,
            on_record=record,
            checkpoint=checkpoint,
        )
        last = directory.history()[-1]
        readings = {key: value for key, value in last.items() if key not in ("kind", "timing")}
        found = {**self._saved.found, "last_epoch": readings}
        saved = self._saved.model_copy(update={"found": found})
        save_network(directory.path, self._network, saved)
        callbacks.on_end(found)

    def _save(self, directory: RunDirectory) -> int:
        arrays, state = self._fit.state()
        done = (self._fit.epoch - 1) * len(self._train) + self._fit.step
        head = {"genotype": self.genotype.to_json(), "num_records": self._fit.epoch - 1}
        directory.save_checkpoint(done, arrays, {**head, "fit": state})
        return done

    def _restore(self, directory: RunDirectory) -> int:
        """Go to the newest checkpoint, if any; return how many records belong to it."""
        checkpoint = directory.load_checkpoint()
        if checkpoint is None:
            return 0
        where = f"{directory.path}, checkpoint of step {checkpoint.step}"
        with restoring(where, "this training"):
            theirs = checkpoint.state.get("genotype")
            if theirs != self.genotype.to_json():
                raise RunError(
                    explain(
                        where,
                        f"one of the genotype {self.genotype.to_text()}",
                        Genotype.from_json(theirs).to_text() if theirs else "none",
                        "Keep the files of a run together, or start the run again.",
                    )
                )
            self._fit.restore(checkpoint.arrays, checkpoint.state["fit"])
            return int(checkpoint.state["num_records"])
