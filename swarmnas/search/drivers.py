"""What moves the alphas in a phase: a swarm or a gradient.

Both read validation images only. After each step a driver's answer stands in the supernet's own
alphas, so that whatever reads them (signals, the genotype, the next driver) sees one current
state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from swarmnas import optimizers, rng
from swarmnas.checks import explain
from swarmnas.errors import SettingError
from swarmnas.networks import Supernet
from swarmnas.networks.state import load_optimizer, optimizer_state
from swarmnas.networks.team import ALONE, Team
from swarmnas.phases import Phase
from swarmnas.search.gradients import (
    Batch,
    Mixing,
    finite_step,
    first_order,
    mixing_of,
    second_order,
)
from swarmnas.search.limits import Limits
from swarmnas.spaces import Adapter

__all__ = [
    "GradientDriver",
    "Origin",
    "SwarmDriver",
    "create_swarm",
    "read_alphas",
    "write_alphas",
]

Alphas = Mapping[str, np.ndarray[Any, Any]]


def read_alphas(supernet: Supernet) -> dict[str, np.ndarray[Any, Any]]:
    """Return copies of the supernet's alphas, ``{cell: (num_edges, num_ops)}``."""
    return {name: alpha.detach().cpu().numpy().copy() for name, alpha in supernet.alphas.items()}


def write_alphas(supernet: Supernet, alphas: Alphas) -> None:
    """Set the supernet's alphas in place."""
    with torch.no_grad():
        for name, alpha in supernet.alphas.items():
            alpha.copy_(torch.as_tensor(alphas[name]))


class GradientDriver:
    """Moves the alphas by Adam on the validation loss (DARTS).

    Args:
        supernet: The network whose alphas move.
        phase: Order, rates, temperature and regularisers.
        sgd: The weights' optimiser, whose next step the second order looks ahead to.
        team: The processes that search together; each is given its own share of every batch, and
            looks ahead by the gradient of that share.

    References:
        Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019,
        arXiv 1806.09055; the betas (0.5, 0.999) are those of its code. ``beta_decay`` is the
        regulariser of beta-DARTS: mean over edges of the log-sum-exp of the alphas.
    """

    def __init__(
        self, supernet: Supernet, phase: Phase, sgd: torch.optim.SGD, *, team: Team = ALONE
    ) -> None:
        self._supernet, self._team = supernet, team
        self._phase = phase
        self._sgd = sgd
        self._adam = torch.optim.Adam(
            list(supernet.alphas.values()),
            lr=phase.value("learning_rate", 0),
            betas=(0.5, 0.999),
            weight_decay=phase.weight_decay,
        )

    def step(
        self, valid: Batch, train: Batch, *, phase_epochs: int, at: Alphas | None = None
    ) -> float:
        """Move the alphas once.

        Args:
            valid: Normalised validation images ``(n, C, H, W)`` and their classes ``(n,)``.
            train: The training batch that the weights learn from next; read by order 2 alone.
            phase_epochs: Epochs completed in the phase, for what changes over it.
            at: Take the gradient at these alphas in place of the supernet's own.

        Returns:
            The validation loss that was differentiated, without regularisers.

        Raises:
            DivergenceError: It or its gradient is NaN or infinite; nothing has moved.
        """
        own = dict(self._supernet.alphas.items())
        point = {
            name: torch.as_tensor(alpha if at is None else at[name])
            .detach()
            .to(alpha)
            .clone()
            .requires_grad_()
            for name, alpha in own.items()
        }
        common: dict[str, Any] = {
            "temperature": self._phase.value("temperature", phase_epochs),
            "penalty": partial(self._penalty, phase_epochs),
        }
        if self._phase.order == 2:
            found = second_order(self._supernet, point, valid, train, self._sgd, **common)
        else:
            found = first_order(self._supernet, point, valid, **common)
        loss, gradients = found
        self._team.average([loss, *gradients])
        norm = torch.nn.utils.get_total_norm(gradients)
        value = finite_step("validation loss that the alphas descend", loss, norm)
        for alpha, gradient in zip(own.values(), gradients, strict=True):
            alpha.grad = gradient
        for group in self._adam.param_groups:
            group["lr"] = self._phase.value("learning_rate", phase_epochs)
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        return value

    def _penalty(
        self, phase_epochs: int, alphas: Mapping[str, torch.Tensor], mixing: Mixing
    ) -> torch.Tensor | float:
        total: torch.Tensor | float = 0.0
        if beta := self._phase.value("beta_decay", phase_epochs):
            rows = torch.cat([alpha.logsumexp(-1) for alpha in alphas.values()])
            total = total + beta * rows.mean()
        if factor := self._phase.value("entropy_penalty", phase_epochs):
            rows = torch.cat([torch.special.entr(p).sum(-1) for p in mixing.values()])
            total = total + factor * rows.mean()
        return total

    def state_dict(self) -> dict[str, Any]:
        """Return Adam's state; the alphas are the supernet's."""
        return optimizer_state(self._adam)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        load_optimizer(self._adam, state)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a swarm came from.

    Args:
        epoch: Epochs that the search had completed.
        centre: The supernet's alphas then.
        spread: Standard deviation of the particles around them, in logits; ``None``: they were
            drawn over the whole box.
    """

    epoch: int
    centre: Alphas
    spread: float | None


class SwarmDriver:
    """Moves the alphas by a swarm: one generation a step, all particles on one mini-batch.

    The optimizer runs with ``noisy=True``: both sides of every competition are evaluated on the
    same images under the same weights. One that cannot (``capabilities.noisy``) is told by how
    much a particle is better or worse than the alphas that the swarm started from, on the same
    images under the same weights: a difference holds longer than a loss. The optimizer's answer,
    ``recommend()``, becomes the supernet's alphas.

    Args:
        supernet: The network that evaluates particles.
        adapter: Particles to alphas and back.
        phase: The optimizer, temperature, and whether a particle is judged mixed or discrete.
        decode: Alphas ``(n, num_edges, num_ops)`` to operations ``(n, num_edges)``.
        origin: Where the swarm starts.
        seed: Its stream.
        limits: What genotypes may take at most; particles beyond them lose, by how much they
            exceed them.
        team: The processes that search together; each judges its share of the particles.
    """

    def __init__(
        self,
        supernet: Supernet,
        adapter: Adapter,
        phase: Phase,
        decode: Any,
        *,
        origin: Origin,
        seed: np.random.SeedSequence,
        limits: Limits | None = None,
        team: Team = ALONE,
    ) -> None:
        self.swarm = create_swarm(
            adapter, phase, seed=seed, centre=origin.centre, spread=origin.spread
        )
        self._supernet, self._team = supernet, team
        self._adapter = adapter
        self._phase = phase
        self._decode = decode
        self.origin = origin
        self._limits = limits
        self._told: list[np.ndarray[Any, Any]] = []
        if limits is not None and not self.swarm.capabilities.violations:
            raise SettingError(
                explain(
                    "optimizer",
                    "one that takes constraint violations, as limits are set",
                    phase.optimizer,
                    f"Choose another or drop the limits: {self.swarm.capabilities.why}",
                )
            )

    def step(self, valid: Batch, *, phase_epochs: int) -> int:
        """Run one generation on one mini-batch; return how many particles were evaluated."""
        positions = self.swarm.ask()
        alphas = self._adapter.to_alphas(positions)
        if not self.swarm.noisy:
            alphas = {
                name: np.concatenate([rows, self.origin.centre[name][None]])
                for name, rows in alphas.items()
            }
        losses = self._losses(alphas, valid, phase_epochs)
        self._tell(positions, losses if self.swarm.noisy else losses[:-1] - losses[-1])
        write_alphas(self._supernet, self.answer("recommend"))
        return len(positions)

    def _losses(self, alphas: Alphas, valid: Batch, phase_epochs: int) -> np.ndarray[Any, Any]:
        losses = np.zeros(len(next(iter(alphas.values()))))
        mine = self._team.share(np.arange(len(losses)))
        if len(mine):
            judged = self._judged({name: rows[mine] for name, rows in alphas.items()}, phase_epochs)
            losses[mine] = self._supernet.evaluate_swarm(*valid, **judged).double().cpu().numpy()
        losses = np.array(self._team.total(losses.tolist(), valid[1].device))
        return -losses if self._phase.evaluate == "ablated" else losses

    def _judged(self, alphas: Alphas, phase_epochs: int) -> dict[str, Any]:
        """Return what particles of these alphas are judged by."""
        how = self._phase.evaluate
        if how == "discrete":
            return {"operations": self._decode(alphas)}
        temperature = self._phase.value("temperature", phase_epochs)
        at = self.origin.centre if how == "ablated" else alphas
        mixing = mixing_of(self._supernet, at, temperature=temperature)
        return {"mixing": without(mixing, self._decode(alphas)) if how == "ablated" else mixing}

    def _tell(self, positions: Any, losses: np.ndarray[Any, Any]) -> None:
        if not self.swarm.capabilities.exact_state:
            self._told.append(losses)
        if self._limits is None:
            self.swarm.tell(positions, losses)
        else:
            columns = self._decode(self._adapter.to_alphas(positions))
            self.swarm.tell(positions, losses, violations=self._limits.violations(columns))

    def answer(self, rule: str) -> dict[str, Any]:
        """Return the alphas that the swarm hands over.

        Args:
            rule: "recommend" (the swarm's recommendation), "best" (its best evaluation; the
                recommendation as long as every one failed) or "centre" (the mean of its particles).
        """
        if rule == "centre":
            return self._adapter.to_alphas(self.swarm.positions.mean(axis=0))
        best = self.swarm.best_position
        known = rule == "best" and np.isfinite(best).all()  # not before a particle succeeded
        return self._adapter.to_alphas(best if known else self.swarm.recommend())

    def particle(self, draws: np.random.Generator) -> dict[str, Any]:
        """Return the alphas of one particle, drawn uniformly."""
        positions = self.swarm.positions
        return self._adapter.to_alphas(positions[draws.integers(len(positions))])

    @property
    def diversity(self) -> float:
        """How much the particles disagree about the operations, in [0, 1]."""
        return self._adapter.diversity(self.swarm.positions)

    def state_dict(self) -> dict[str, Any]:
        """Return where the swarm came from and its state.

        Of an optimizer that cannot save its state: all losses that it was told.
        """
        saves = self.swarm.capabilities.exact_state
        return {
            "origin": {**vars(self.origin), "centre": dict(self.origin.centre)},
            "swarm": self.swarm.state_dict() if saves else {},
            "told": np.concatenate([np.zeros(0), *self._told]),
            "rows": [len(losses) for losses in self._told],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state_dict`, in a driver that was made with the same origin.

        An optimizer that cannot save its state is told its losses again; given those and its
        seed, it comes to stand where it stood.
        """
        if state["swarm"]:
            self.swarm.load_state_dict(dict(state["swarm"]))
        at = 0
        for rows in state["rows"]:
            self._tell(self.swarm.ask(), np.asarray(state["told"][at : at + rows]))
            at += rows


def without(mixing: Mixing, columns: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, torch.Tensor]:
    """Return the mixing weights that genotypes leave to the others, rows that sum to one.

    Args:
        mixing: Cell name -> ``(E, O)``.
        columns: Cell name -> ``(n, E)``; -1 leaves an edge as it is.

    Returns:
        Cell name -> ``(n, E, O)``.

    Example:
        >>> half = {"cell": torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])}
        >>> without(half, {"cell": np.array([[0, -1]])})["cell"].tolist()
        [[[0.0, 0.5, 0.5], [0.5, 0.25, 0.25]]]
    """
    found = {}
    for name, rows in mixing.items():
        chosen = torch.as_tensor(columns[name], device=rows.device)
        taken = torch.nn.functional.one_hot(chosen.clamp(min=0), rows.shape[1]).bool()
        left = rows.masked_fill(taken & (chosen >= 0).unsqueeze(-1), 0.0)
        found[name] = left / left.sum(-1, keepdim=True)
    return found


def create_swarm(
    adapter: Adapter,
    phase: Phase,
    *,
    seed: np.random.SeedSequence,
    centre: Alphas | None = None,
    spread: float | None = None,
) -> optimizers.Optimizer:
    """Return the phase's swarm: over the whole box, or around alphas that have moved already.

    Args:
        adapter: Its box.
        phase: Optimizer and population size; the optimizer runs with ``noisy=True`` if it can.
        seed: Its stream.
        centre: The alphas it is seeded around; the first particle stands on them.
        spread: Standard deviation of the others, in logits; ``None`` draws over the whole box.
    """
    lower, upper = adapter.bounds
    create = partial(
        optimizers.create,
        phase.optimizer,
        bounds=(lower, upper),
        seed=rng.seed_sequence(seed, 0),
        noisy=optimizers.optimizers.load(phase.optimizer).capabilities.noisy,
        **phase.optimizer_settings,
    )
    swarm = create(population_size=phase.population_size)
    if centre is None or spread is None:
        return swarm
    noise = rng.generator(seed, 1).standard_normal((swarm.population_size, adapter.num_dims))
    noise[0] = 0.0
    around = np.clip(adapter.to_position(centre) + spread * noise, lower, upper)
    return create(population_size=swarm.population_size, initial_positions=around)
