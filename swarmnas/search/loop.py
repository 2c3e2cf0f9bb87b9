"""The search: joins space, supernet, optimizer and policy, epoch by epoch.

Every random draw comes from a stream named by (seed, purpose, epoch, step), so an epoch is a pure
function of the checkpoint before it: a run that was interrupted anywhere repeats the epoch it was
in, and ends as if it had not been.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from swarmnas import documents, rng
from swarmnas.checks import as_float, as_int, explain, finite_loss, unknown_name
from swarmnas.errors import DivergenceError, SettingError, SwarmNASWarning
from swarmnas.networks.devices import device_of
from swarmnas.networks.memory import within_memory
from swarmnas.networks.seeding import seeded
from swarmnas.networks.state import load_module, load_optimizer, module_state, optimizer_state
from swarmnas.networks.team import assemble
from swarmnas.phases import (
    Decision,
    FreezeOperations,
    GradientAgreement,
    HandOver,
    HessianEigenvalue,
    Phase,
    Policy,
    PolicyEngine,
    ReseedSwarm,
    RollBack,
    Signals,
    SkipCount,
    epochs_without_gain,
    load_policy,
)
from swarmnas.runs import Callback, Callbacks, Checkpoint, RunDirectory, restoring
from swarmnas.search.building import build_sgd, build_supernet, rate_after
from swarmnas.search.candidates import (
    LONGER,
    Trained,
    climb,
    finalists,
    train_candidate,
)
from swarmnas.search.config import SearchConfig, default_path
from swarmnas.search.drivers import (
    GradientDriver,
    Origin,
    SwarmDriver,
    create_swarm,
    read_alphas,
    write_alphas,
)
from swarmnas.search.following import Follower
from swarmnas.search.gradients import Batch, Mixing, assess, finite_step, mixing_of
from swarmnas.search.limits import Limits
from swarmnas.search.loaders import Endless, Loader, images_of, set_epoch
from swarmnas.search.probes import (
    AlphaHessian,
    dominant_eigenvalue,
    freeze,
    gradient_agreement,
    operation_ranking,
)
from swarmnas.search.read_out import select_by_perturbation
from swarmnas.search.streams import Stream
from swarmnas.search.trace import SwarmTrace, trace_alphas
from swarmnas.spaces import Adapter, Genotype
from swarmnas.spaces import create as create_space

__all__ = [
    "Loader",
    "PhaseSummary",
    "SearchResult",
    "policy_of",
    "resume",
    "run",
]


PROBES = (HessianEigenvalue.probe, GradientAgreement.probe)
"""The costly readings that a search takes where its policy wants them."""

AGREEMENT_STEPS = 20
"""Pairs of batches behind one reading of gradient agreement, as in OLES."""


@dataclass(frozen=True)
class PhaseSummary:
    """One stay in a phase.

    Attributes:
        name: The phase.
        first_epoch: Its first epoch, counted from 1.
        last_epoch: Its last epoch.
        ended: Why it ended, with the numbers.
    """

    name: str
    first_epoch: int
    last_epoch: int
    ended: str


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        genotype: The architecture.
        path: The run directory.
        phases: The phases in order of time.
        signals: The readings of the last epoch.
    """

    genotype: Genotype
    path: Path
    phases: tuple[PhaseSummary, ...]
    signals: Signals


def run(
    config: SearchConfig,
    *,
    train: Loader | None = None,
    valid: Loader | None = None,
    out: Path | str | None = None,
    overwrite: bool = False,
    callbacks: Sequence[Callback] = (),
) -> SearchResult:
    """Search an architecture; write one directory and nothing else.

    Under ``torchrun`` the processes search together: each trains on its share of every batch and
    judges its share of the particles; the first alone writes and calls back.

    Args:
        config: Everything that determines the search.
        train: Batches that train the weights, in place of those of ``config.dataset``.
        valid: Batches that steer the alphas; given together with ``train``.
        out: The run directory; by default ``runs/`` and a name made of the settings.
        overwrite: Replace a run that is there.
        callbacks: Told of every step, record and the end.

    Returns:
        The genotype and how it was found.

    Raises:
        SwarmNASError: A setting, name, data set or device is not to be had; nothing was written.
    """
    search = _Search(config, policy_of(config), train, valid)
    path = default_path(config) if out is None else out
    if search.team.leads:
        RunDirectory.create(
            path,
            config={
                "search": config.to_mapping(),
                "policy": documents.parse_toml(search.policy.to_toml(), source="policy"),
            },
            overwrite=overwrite,
        )
    search.team.wait()
    return search.execute(path, callbacks)


def resume(
    path: Path | str,
    *,
    train: Loader | None = None,
    valid: Loader | None = None,
    callbacks: Sequence[Callback] = (),
) -> SearchResult:
    """Continue a search from its newest whole checkpoint; a finished one just ends again.

    Args:
        path: The run directory.
        train: As for :func:`run`, if the search was started with loaders.
        valid: As for :func:`run`.
        callbacks: Told of what follows, not of what was recorded before.

    Raises:
        RunError: ``path`` is no search, or another process works on it.
    """
    directory = RunDirectory.open(path, kind="search")
    source = str(directory.path / "config.toml")
    config = SearchConfig.from_mapping(directory.config["search"], source=source)
    policy = documents.validate(Policy, directory.config.get("policy"), source=source)
    return _Search(config, policy, train, valid).execute(path, callbacks)


def policy_of(config: SearchConfig) -> Policy:
    """Return the policy that a configuration names, with what it overrides."""
    policy = load_policy(config.policy)
    if config.epochs is not None:
        policy = policy.rescaled(epochs=config.epochs)
    overrides = {
        name: getattr(config, name)
        for name in ("optimizer", "population_size")
        if getattr(config, name) is not None
    }
    return policy.with_settings(**overrides) if overrides else policy


class _Search:
    """A search in memory: everything that can be refused is refused while it is made."""

    def __init__(
        self, config: SearchConfig, policy: Policy, train: Loader | None, valid: Loader | None
    ) -> None:
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        self.config = config
        self.policy = policy
        self.team, self._device = assemble(device_of(config.device))
        self._engine = PolicyEngine(policy)
        self._space = create_space(config.space)
        self._refuse_blind_triggers()
        box = {} if config.bound is None else {"bound": config.bound}
        self._adapter = Adapter(self._space, **box)
        for phase in policy.phases:
            if phase.alphas in ("swarm", "alternate"):
                create_swarm(self._adapter, phase, seed=rng.seed_sequence(config.seed))
        self._images = images = images_of(config, self._device, train=train, valid=valid)
        if config.batch_size % self.team.size or config.batch_size < 2 * self.team.size:
            raise SettingError(
                explain(
                    "batch_size",
                    f"two images or more for each of {self.team.size} processes, equally many",
                    config.batch_size,
                    f"Use a multiple of {self.team.size}.",
                )
            )
        limits = Limits(
            self._space,
            parameters=config.max_parameters,
            flops=config.max_flops,
            num_classes=images.num_classes,
            in_channels=images.in_channels,
            channels=config.network_channels or config.channels,
            cells=config.network_cells or config.cells,
            image_size=images.image_size,
        )
        self._limits = limits if limits.any else None
        self._supernet = build_supernet(config, self._space, images).to(self._device)
        self._weights = self._supernet.weight_parameters()
        self._sgd = build_sgd(config, self._weights)
        self._swarm: SwarmDriver | None = None
        self._gradient: GradientDriver | None = None
        self._trace: SwarmTrace | None = None
        self._frozen: list[str] = []
        self._halvings = 0
        self._step = self._evaluations = self._num_records = 0
        self._seconds = 0.0

    # Parts

    def _refuse_blind_triggers(self) -> None:
        """Refuse a trigger that this search would never have a reading for."""
        for phase in self.policy.phases:
            for trigger in phase.all_triggers():
                where = f"policy {self.policy.name!r}, phase {phase.name!r}, {trigger.name!r}: "
                if trigger.probe is not None and trigger.probe not in PROBES:
                    raise SettingError(
                        where + unknown_name("reading of a search", trigger.probe, PROBES)
                    )
                if isinstance(trigger, SkipCount) and trigger.cell is not None:
                    cells = self._space.alpha_shapes
                    if trigger.cell not in cells:
                        raise SettingError(
                            where + unknown_name(f"cell of {self._space.name}", trigger.cell, cells)
                        )

    def _stream(self, *path: int) -> np.random.SeedSequence:
        return rng.seed_sequence(self.config.seed, *path)

    # Course

    def execute(self, path: Path | str, callbacks: Sequence[Callback]) -> SearchResult:
        """Run to the end, from the newest checkpoint if there is one."""
        if not self.team.leads:
            return self._course(Follower.open(path), Callbacks([]))
        directory = RunDirectory.open(path)
        with directory.lock():
            return self._course(directory, Callbacks(callbacks))

    def _course(self, directory: RunDirectory, callbacks: Callback) -> SearchResult:
        callbacks.on_start(directory.config)
        if not self.team.leads:
            self.team.wait()  # for the checkpoint that the first process begins with
        checkpoint = directory.load_checkpoint()
        if checkpoint is None:
            directory.truncate(0)
            self._record(directory, callbacks, self._decision_record(0))
            self._act(self._engine.decision, directory)
            self._save(directory, callbacks)
        else:
            self._restore(directory, checkpoint)
            if self.team.leads:
                self.team.wait()
        while not self._engine.decision.stop:
            try:
                # Drop path and the operation `noise` draw from torch's own generator.
                with seeded(self._stream(Stream.NETWORK, len(self._engine.history))):
                    signals = self._epoch(callbacks)
            except DivergenceError as cause:
                self._recover(cause, directory, callbacks)
                continue
            decision = self._engine.observe(signals)
            self._record(
                directory, callbacks, {"kind": "epoch", **signals.to_json(), **self._traced()}
            )
            self._record(directory, callbacks, self._decision_record(signals.epoch))
            self._act(decision, directory)
            self._save(directory, callbacks)
        return self._finish(directory, callbacks)

    def _epoch(self, callbacks: Callback) -> Signals:
        began = time.monotonic()
        phase, phase_epochs = self._engine.phase, self._engine.phase_epochs
        epoch = len(self._engine.history) + 1
        driver = phase.driver(phase_epochs)
        set_epoch(self._images.train, epoch)
        valid = Endless(self._images.valid, epoch, self._device)
        steps = len(self._images.train)
        every = steps if phase.every == "epoch" else phase.every
        self._trace = None
        if driver == "swarm" and self._swarm is not None:
            self._trace = SwarmTrace(
                self._adapter, self._swarm.swarm.positions, generations=math.ceil(steps / every)
            )
        self._set_sgd(epoch)
        self._set_supernet(epoch)
        self._supernet.train()
        losses = []
        for at, (images, labels) in enumerate(self._images.train):
            mixing = self._stream(Stream.MIXING, epoch, at)
            train = self._share((images.to(self._device), labels.to(self._device)))
            if driver == "swarm" and at % every == 0 and self._swarm is not None:
                self._evaluations += self._swarm.step(
                    valid.take(phase.images), phase_epochs=phase_epochs
                )
                if self._trace is not None:
                    self._trace.add(self._swarm.swarm.positions, self._swarm.swarm.recommend())
            elif (
                driver == "gradient"
                and self._gradient is not None
                and at % phase.gradient_every == 0
            ):
                self._gradient.step(
                    self._share(valid.take(self.config.batch_size)),
                    train,
                    phase_epochs=phase_epochs,
                    at=self._alphas_of(phase.gradient_at, rng.generator(mixing)),
                )
            if phase.weights == "gradient":
                losses.append(self._train_weights(train, rng.generator(mixing)))
            callbacks.on_step(
                {
                    "phase": phase.name,
                    "epoch": epoch,
                    "epochs": self.policy.epochs,
                    "step": at + 1,
                    "steps": steps,
                    "seconds": self._seconds + time.monotonic() - began,
                }
            )
        self._step += len(losses)
        self._supernet.eval()  # readings are taken without drop path
        probes = self._probe(epoch, phase_epochs, valid)
        readings = self._readings(phase_epochs)
        (seconds,) = self.team.total([time.monotonic() - began], self._device)
        self._seconds += seconds / self.team.size
        return Signals(
            phase=phase.name,
            phase_epochs=phase_epochs + 1,
            epoch=epoch,
            step=self._step,
            evaluations=self._evaluations,
            seconds=self._seconds,
            train_loss=float(np.mean(losses)) if losses else None,
            diversity=self._swarm.diversity if self._swarm and driver == "swarm" else None,
            probes=probes,
            **readings,
        )

    def _set_sgd(self, epoch: int) -> None:
        """Set the weights' rate: a cosine over the planned epochs, halved at each divergence."""
        progress = min((epoch - 1) / self.policy.epochs, 1.0)
        factor = self._engine.phase.value("weights_decay_factor", self._engine.phase_epochs)
        rate = rate_after(self.config, progress)
        for group in self._sgd.param_groups:
            group["lr"] = rate / 2**self._halvings
            group["weight_decay"] = factor * self.config.weight_decay

    def _set_supernet(self, epoch: int) -> None:
        """Let drop path rise to its share, auxiliary skips fade to nothing, over the plan."""
        progress = min((epoch - 1) / max(1, self.policy.epochs - 1), 1.0)
        self._supernet.drop_path = self.config.drop_path * progress
        self._supernet.auxiliary_weight = 1.0 - progress if self.config.auxiliary_skip else 0.0

    def _train_weights(self, train: Batch, draws: np.random.Generator) -> float:
        images, labels = train
        mixing = self._mixing(draws)

        def gradients(size: int) -> torch.Tensor:
            logits = self._supernet(images[:size], mixing=mixing)
            loss = functional.cross_entropy(logits, labels[:size])
            self._sgd.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        loss = within_memory(gradients, len(labels)).detach()
        given = [weight.grad for weight in self._weights if weight.grad is not None]
        self.team.average([loss, *given])
        norm = torch.nn.utils.clip_grad_norm_(self._weights, self.config.gradient_clip)
        value = finite_step("training loss", loss, norm)
        self._sgd.step()
        return value

    def _mixing(self, draws: np.random.Generator) -> Mixing:
        """Return the mixing weights that the weights are trained under, for one batch."""
        phase, phase_epochs = self._engine.phase, self._engine.phase_epochs
        if phase.train_under == "dirichlet":
            uniform = {
                name: np.full(shape, 1 / shape[1])
                for name, shape in self._adapter.alpha_shapes.items()
            }
            return self._dirichlet(uniform, draws)
        alphas = self._drawn(draws)
        mixing = self._constant_mixing(phase_epochs, alphas)
        if phase.draw_around == "dirichlet":
            means = {name: rows.double().cpu().numpy() for name, rows in mixing.items()}
            return self._dirichlet(means, draws)
        return mixing

    def _dirichlet(self, means: Mapping[str, Any], draws: np.random.Generator) -> Mixing:
        """Return rows drawn from Dirichlet distributions of these means."""
        concentration = self._engine.phase.value("concentration", self._engine.phase_epochs)
        return {
            name: torch.as_tensor(
                np.stack([draws.dirichlet(np.maximum(row, 1e-6)) for row in parameters]),
                dtype=self._supernet.alphas[name].dtype,
                device=self._device,
            )
            for name, rows in means.items()
            for parameters in (concentration * rows.shape[1] * rows,)
        }

    def _drawn(self, draws: np.random.Generator) -> dict[str, Any] | None:
        """Return the alphas that the weights are trained under, for one batch."""
        phase, phase_epochs = self._engine.phase, self._engine.phase_epochs
        alphas = self._alphas_of(phase.train_under, draws)
        if phase.draw_around == "normal":
            noise = phase.value("noise", phase_epochs)
            alphas = {
                name: rows + noise * draws.standard_normal(rows.shape)
                for name, rows in (alphas or read_alphas(self._supernet)).items()
            }
        return alphas

    def _alphas_of(self, which: str, draws: np.random.Generator) -> dict[str, Any] | None:
        """Return the alphas that a phase's setting names; ``None`` for the supernet's own.

        Those of a swarm are the supernet's own as long as there has been no swarm in the phase.
        """
        if which == "sample":
            return self._drawn(draws)
        if self._swarm is None or which == "alphas":
            return None
        if which == "particles":
            return self._swarm.particle(draws)
        if which == "origin":
            return dict(self._swarm.origin.centre)
        return self._swarm.answer("best" if which == "incumbent" else which)

    def _constant_mixing(
        self, phase_epochs: int, alphas: Mapping[str, Any] | None = None
    ) -> Mixing:
        """Return the softmax of alphas, the supernet's by default, as a constant."""
        temperature = self._engine.phase.value("temperature", phase_epochs)
        with torch.no_grad():
            return mixing_of(self._supernet, alphas, temperature=temperature)

    def _probe(self, epoch: int, phase_epochs: int, valid: Endless) -> dict[str, Any]:
        """Return the costly readings that the policy wants at the end of this epoch."""
        phase, size = self._engine.phase, self.config.batch_size
        due = self.policy.due(phase.name, phase_epochs + 1)
        found: dict[str, Any] = {}
        if HessianEigenvalue.probe in due:
            hessian = AlphaHessian(
                self._supernet,
                valid.take(size),
                temperature=phase.value("temperature", phase_epochs),
                weight_decay=phase.weight_decay,
            )
            draws = rng.generator(self.config.seed, Stream.PROBES, epoch)
            found[HessianEigenvalue.probe] = dominant_eigenvalue(hessian, hessian.size, rng=draws)
        if GradientAgreement.probe in due:
            train = Endless(self._images.train, epoch, self._device)
            pairs = ((train.take(size), valid.take(size)) for _ in range(AGREEMENT_STEPS))
            mixing = self._constant_mixing(phase_epochs)
            found[GradientAgreement.probe] = gradient_agreement(self._supernet, mixing, pairs)
        return found

    def _readings(self, phase_epochs: int) -> dict[str, Any]:
        """Return what the policy reads of the supernet and its alphas."""
        loss, accuracy = self._validate(phase_epochs)
        finite_loss("validation loss", loss)
        alphas = read_alphas(self._supernet)
        genotype = self._space.decode(alphas)
        past = [s.valid_loss for s in self._engine.history if s.valid_loss is not None]
        return {
            "valid_loss": loss,
            "valid_accuracy": accuracy,
            "entropy": self._adapter.entropy(alphas),
            "genotype": genotype.to_text(),
            "operation_ranking": operation_ranking(self._supernet),
            "skip_count": {
                name: sum(choice.operation == "skip_connect" for choice in choices)
                for name, choices in genotype.cells
            },
            "skip_share": genotype.skip_share,
            "epochs_without_gain": epochs_without_gain([*past, loss])[-1],
        }

    def _validate(self, phase_epochs: int) -> tuple[float, float]:
        """Return loss and accuracy over at most ``valid_images`` validation images."""
        mixing = self._constant_mixing(phase_epochs)
        batches = islice(self._valid_batches(), self.team.rank, None, self.team.size)
        sums = assess(lambda images: self._supernet(images, mixing=mixing), batches)
        loss, correct, images_seen = self.team.total(sums, self._device)
        return loss / images_seen, correct / images_seen

    def _share(self, batch: Batch) -> Batch:
        """Return this process's share of a batch."""
        images, labels = map(self.team.share, batch)
        return images, labels

    def _valid_batches(self) -> Iterator[Batch]:
        """Yield validation batches, the same ones every time, up to ``valid_images``."""
        set_epoch(self._images.valid, 0)
        images_seen = 0
        for images, labels in self._images.valid:
            yield images.to(self._device), labels.to(self._device)
            images_seen += len(labels)
            if images_seen >= self.config.valid_images:
                return

    # Decisions

    def _act(self, decision: Decision, directory: RunDirectory) -> None:
        """Do what a decision says before the next epoch."""
        for action in decision.actions:
            if isinstance(action, RollBack):
                self._roll_back(directory, action.epoch)
            elif isinstance(action, HandOver):
                if action.rule != "alphas" and self._swarm is not None:
                    write_alphas(self._supernet, self._swarm.answer(action.rule))
                if action.source != action.target:
                    self._swarm = self._gradient = None
            elif isinstance(action, ReseedSwarm):
                origin = Origin(
                    epoch=len(self._engine.history),
                    centre=read_alphas(self._supernet),
                    spread=action.spread,
                )
                self._swarm = self._new_swarm(self._engine.phase, origin)
            elif isinstance(action, FreezeOperations):
                self._frozen += action.operations
                freeze(self._supernet, action.operations)
        phase = self._engine.phase
        if phase.alphas in ("gradient", "alternate") and self._gradient is None:
            self._gradient = GradientDriver(self._supernet, phase, self._sgd, team=self.team)

    def _new_swarm(self, phase: Phase, origin: Origin) -> SwarmDriver:
        return SwarmDriver(
            self._supernet,
            self._adapter,
            phase,
            self._space.decode_indices,
            origin=origin,
            seed=self._stream(Stream.SWARM, origin.epoch),
            limits=self._limits,
            team=self.team,
        )

    def _roll_back(self, directory: RunDirectory, epoch: int) -> None:
        """Return to an earlier epoch of the phase; counters and frozen operations stay."""
        checkpoint = directory.load_checkpoint(epoch)
        if checkpoint is not None:
            self._load(checkpoint, self.policy[self._engine.history[-1].phase])
        self.team.wait()  # before the first process drops it

    def _recover(
        self, cause: DivergenceError, directory: RunDirectory, callbacks: Callback
    ) -> None:
        """Return to the last checkpoint with half the weights' rate, or give up, on record."""
        epoch, most = len(self._engine.history), self.config.rate_halvings
        record = {"kind": "divergence", "epoch": epoch + 1, "phase": self._engine.phase.name}
        where = f"epoch {epoch + 1}: {str(cause).partition('. ')[0]}"
        if self._halvings == most:
            reason = (
                f"{where} (after {most} of {most} halvings of the weights' rate). Look for NaN in "
                f"the images, or lower learning_rate; the run is kept up to epoch {epoch}."
            )
            self._record(directory, callbacks, record | {"reason": reason, "stop": True})
            raise DivergenceError(reason) from cause
        checkpoint = directory.load_checkpoint(epoch)
        if checkpoint is not None:
            self._load(checkpoint, self._engine.phase)
        self._halvings += 1
        reason = (
            f"{where}: back to the end of epoch {epoch} with half the weights' rate "
            f"(halving {self._halvings} of at most {most})"
        )
        self._record(directory, callbacks, record | {"reason": reason, "stop": False})
        self._save(directory, callbacks)

    def _load(self, checkpoint: Checkpoint, phase: Phase) -> None:
        """Set weights, alphas, momentum and the phase's drivers to what they were."""
        load_module(self._supernet, checkpoint.arrays)
        load_optimizer(self._sgd, checkpoint.state["sgd"])
        drivers = checkpoint.state["drivers"]
        self._swarm = self._gradient = None
        if "swarm" in drivers:
            self._swarm = self._new_swarm(phase, Origin(**drivers["swarm"]["origin"]))
            self._swarm.load_state_dict(drivers["swarm"])
        if "gradient" in drivers:
            self._gradient = GradientDriver(self._supernet, phase, self._sgd, team=self.team)
            self._gradient.load_state_dict(drivers["gradient"])

    # Records

    def _traced(self) -> dict[str, Any]:
        """Return what the epoch's record keeps for pictures; no policy reads it."""
        swarm = {} if self._trace is None else {"swarm": self._trace.generations}
        return trace_alphas(read_alphas(self._supernet)) | swarm

    def _decision_record(self, epoch: int) -> dict[str, Any]:
        return {"kind": "decision", "epoch": epoch, **self._engine.decision.to_json()}

    def _record(self, directory: RunDirectory, callbacks: Callback, record: dict[str, Any]) -> None:
        directory.append(record)
        self._num_records += 1
        callbacks.on_record(record)

    def _save(self, directory: RunDirectory, callbacks: Callback) -> None:
        drivers = {"swarm": self._swarm, "gradient": self._gradient}
        epoch, reach = len(self._engine.history), self.policy.roll_back_epochs
        directory.save_checkpoint(
            epoch,
            module_state(self._supernet),
            {
                "sgd": optimizer_state(self._sgd),
                "drivers": {name: d.state_dict() for name, d in drivers.items() if d is not None},
                "frozen": self._frozen,
                "halvings": self._halvings,
                "step": self._step,
                "evaluations": self._evaluations,
                "seconds": self._seconds,
                "num_records": self._num_records,
            },
            keep=reach > 0,
        )
        if reach:
            directory.drop_checkpoints(before=epoch + 1 - reach)
        self.team.wait()
        callbacks.on_checkpoint(epoch)

    def _restore(self, directory: RunDirectory, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint, whose parts must be those of this search.

        Raises:
            RunError: They are not.
        """
        state = checkpoint.state
        where = f"{directory.path}, checkpoint of step {checkpoint.step}"
        with restoring(where, "this search"):
            self._num_records = as_int("num_records", state["num_records"], low=0)
            directory.truncate(self._num_records)
            for record in directory.history():
                if record.get("kind") == "epoch":
                    self._engine.observe(Signals.from_json(record))
            self._load(checkpoint, self._engine.phase)
            self._frozen = list(state["frozen"])
            freeze(self._supernet, self._frozen)
            for name in ("halvings", "step", "evaluations"):
                setattr(self, f"_{name}", as_int(name, state[name], low=0))
            self._seconds = as_float("seconds", state["seconds"], low=0)
            self._set_supernet(max(1, len(self._engine.history)))

    def _finish(self, directory: RunDirectory, callbacks: Callback) -> SearchResult:
        answer, candidates = self._read_out(), self.config.candidates
        best = self._try_candidates(answer, directory, callbacks) if candidates else None
        if best is None:
            genotype, taken_from = self._within_limits(answer)
        else:
            genotype, taken_from = best, {"candidates": candidates}
        phases = _summaries(directory.history())
        signals = self._engine.history[-1]
        found = {
            "genotype": genotype.to_json(),
            "text": genotype.to_text(),
            "found": {
                "space": self.config.space,
                "dataset": self.config.dataset,
                "policy": self.policy.name,
                "seed": self.config.seed,
                "epochs": signals.epoch,
                "evaluations": signals.evaluations,
                "read_out": self._engine.phase.read_out,
                **taken_from,
                "alphas_of_epoch": min([signals.epoch, *self._rolled_back_to()]),
                "phases": [vars(phase) for phase in phases],
            },
        }
        directory.write_json("genotype.json", found)
        callbacks.on_end(found)
        return SearchResult(genotype, directory.path, phases, signals)

    def _within_limits(self, genotype: Genotype) -> tuple[Genotype, dict[str, Any]]:
        """Return the read-out, or the last genotype of an epoch where it exceeds the limits.

        Warns:
            SwarmNASWarning: No epoch's genotype keeps within them.
        """
        if self._limits is None:
            return genotype, {}
        if self._limits.allow(genotype):
            return genotype, {"within_limits": True}
        for signals in reversed(self._engine.history):
            visited = self._space.parse(signals.genotype or "")
            if self._limits.allow(visited):
                return visited, {"within_limits": True, "genotype_of_epoch": signals.epoch}
        warnings.warn(
            "limits: no epoch's genotype keeps within them; the answer does not either. "
            "Raise them, or search longer by a swarm.",
            SwarmNASWarning,
            stacklevel=2,
        )
        return genotype, {"within_limits": False}

    def _rolled_back_to(self) -> list[int]:
        """Return the epoch that the last decision returned to, if it did."""
        return [a.epoch for a in self._engine.decision.actions if isinstance(a, RollBack)]

    def _read_out(self) -> Genotype:
        """Return the genotype, read as the phase says in which the search ended."""
        if self._engine.phase.read_out == "argmax":
            return self._space.decode(read_alphas(self._supernet))
        mixing = self._constant_mixing(max(0, self._engine.phase_epochs - 1))
        with seeded(self._stream(Stream.READ_OUT)):
            return select_by_perturbation(
                self._supernet,
                self._space,
                {name: rows.cpu().numpy() for name, rows in mixing.items()},
                list(self._valid_batches()),
                rng=rng.generator(self.config.seed, Stream.READ_OUT),
            )

    def _try_candidates(
        self, answer: Genotype, directory: RunDirectory, callbacks: Callback
    ) -> Genotype | None:
        """Return the best of a genotype, those held before, and others; None where limits bar all.

        Each is trained; the best few are trained anew and longer, and then decide.
        """
        most, epochs = self.config.candidates, self.config.candidate_epochs
        tried = iter([r for r in directory.history() if r.get("kind") == "candidate"])
        held = (self._space.parse(s.genotype or "") for s in reversed(self._engine.history))
        scores = climb(
            self._space,
            [answer, *held],
            read_alphas(self._supernet),
            self._judge(epochs, most, tried, directory, callbacks),
            most=most,
            **({"allowed": self._limits.allow} if self._limits else {}),
        )
        ranked = sorted(scores, key=scores.__getitem__)
        if len(ranked) > (few := finalists(len(ranked))):
            judge = self._judge(LONGER * epochs, few, tried, directory, callbacks)
            ranked = [ranked[at] for at in np.argsort(judge(ranked[:few]), kind="stable")]
        return ranked[0] if ranked else None

    def _judge(
        self,
        epochs: float,
        most: int,
        tried: Iterator[Mapping[str, Any]],
        directory: RunDirectory,
        callbacks: Callback,
    ) -> Callable[[Sequence[Genotype]], list[float]]:
        """Return what trains genotypes, those aside that are on record, and gives their scores.

        Processes share them; a checkpoint after each turn lets a resumed search go on from there.
        """
        done: list[float] = []

        def scores_of(wanted: Sequence[Genotype]) -> list[float]:
            first = len(done)
            done.extend(float(record["score"]) for record in islice(tried, len(wanted)))
            while left := wanted[len(done) - first :]:
                group = left[: self.team.size]
                for genotype, one in zip(group, self._train_together(group, epochs), strict=True):
                    done.append(one.score)
                    text = genotype.to_text()
                    record = {
                        "kind": "candidate",
                        "epoch": len(self._engine.history),
                        "phase": self._engine.phase.name,
                        "genotype": text,
                        "parameters": int(one.parameters),
                        "trained_epochs": epochs,
                        "valid_loss": one.loss,
                        "valid_accuracy": one.accuracy,
                        "score": one.score,
                        "reason": f"candidate {len(done)} of {most} "
                        f"(epochs of training: {epochs:g}), {text}: loss {one.loss:.4f}, "
                        f"accuracy {one.accuracy:.4f}",
                        "stop": True,
                    }
                    self._record(directory, callbacks, record)
                self._save(directory, callbacks)
            return done[first:]

        return scores_of

    def _train_together(self, group: Sequence[Genotype], epochs: float) -> list[Trained]:
        """Train at most as many genotypes as there are processes, one in each."""
        size = len(Trained._fields)
        figures = [0.0] * (size * len(group))
        if self.team.rank < len(group):
            at = size * self.team.rank
            with seeded(self._stream(Stream.CANDIDATES)):
                figures[at : at + size] = train_candidate(
                    group[self.team.rank],
                    self._space,
                    self.config,
                    self._images,
                    self._valid_batches,
                    epochs=epochs,
                    device=self._device,
                )
        figures = self.team.total(figures, self._device)
        return [Trained(*figures[at : at + size]) for at in range(0, len(figures), size)]


def _summaries(history: Iterable[Mapping[str, Any]]) -> tuple[PhaseSummary, ...]:
    """Return the stays in phases, from the decisions that ended them."""
    found: list[PhaseSummary] = []
    phase, first, last = None, 1, 0
    for record in history:
        if record.get("kind") == "epoch":
            signals = Signals.from_json(record)
            phase, last = signals.phase, signals.epoch
        elif record.get("kind") == "decision":
            decision = Decision.from_json(record)
            if phase and (decision.stop or decision.phase != phase):
                found.append(PhaseSummary(phase, first, last, decision.reason))
                first = last + 1
    return tuple(found)
