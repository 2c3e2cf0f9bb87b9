"""What moves the alphas in a phase: a swarm or a gradient.

Both read validation images only. After each step a driver's answer stands in the supernet's own
alphas, so that whatever reads them (signals, the genotype, the next driver) sees one current
state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from swarmnas import optimizers, rng
from swarmnas.networks import Supernet
from swarmnas.phases import Phase
from swarmnas.search.state import load_optimizer, optimizer_state
from swarmnas.spaces import Adapter

__all__ = [
    "GradientDriver",
    "SwarmDriver",
    "create_swarm",
    "mixing_of",
    "read_alphas",
    "write_alphas",
]

Alphas = Mapping[str, np.ndarray[Any, Any]]
Mixing = dict[str, torch.Tensor]


def read_alphas(supernet: Supernet) -> dict[str, np.ndarray[Any, Any]]:
    """Return copies of the supernet's alphas, ``{cell: (num_edges, num_ops)}``."""
    return {name: alpha.detach().cpu().numpy().copy() for name, alpha in supernet.alphas.items()}


def write_alphas(supernet: Supernet, alphas: Alphas) -> None:
    """Set the supernet's alphas in place."""
    with torch.no_grad():
        for name, alpha in supernet.alphas.items():
            alpha.copy_(torch.as_tensor(alphas[name]))


def mixing_of(
    supernet: Supernet, alphas: Mapping[str, Any] | None = None, *, temperature: float = 1.0
) -> Mixing:
    """Return the softmax of alphas over their operations, as tensors of the supernet's kind.

    Args:
        supernet: Gives device and type; its own alphas count where ``alphas`` is ``None``.
        alphas: Cell name -> ``(..., num_edges, num_ops)``, arrays or tensors.
        temperature: Divides the alphas first, > 0.

    Returns:
        Cell name -> the same shape; rows sum to 1. The gradient reaches alphas that are tensors.
    """
    own = supernet.alphas
    return {
        name: functional.softmax(
            torch.as_tensor(
                own[name] if alphas is None else alphas[name],
                dtype=own[name].dtype,
                device=own[name].device,
            )
            / temperature,
            dim=-1,
        )
        for name in own
    }


class GradientDriver:
    """Moves the alphas by Adam on the validation loss (DARTS, first order).

    Args:
        supernet: The network whose alphas move.
        phase: Its rates, temperature and regularisers.

    References:
        Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019,
        arXiv 1806.09055; the betas (0.5, 0.999) are those of its code. ``beta_decay`` is the
        regulariser of beta-DARTS: mean over edges of the log-sum-exp of the alphas.
    """

    def __init__(self, supernet: Supernet, phase: Phase) -> None:
        self._supernet = supernet
        self._phase = phase
        self._adam = torch.optim.Adam(
            list(supernet.alphas.values()),
            lr=phase.value("learning_rate", 0),
            betas=(0.5, 0.999),
            weight_decay=phase.weight_decay,
        )

    def step(
        self,
        images: torch.Tensor,
        labels: torch.Tensor,
        *,
        phase_epochs: int,
        at: Alphas | None = None,
    ) -> float:
        """Move the alphas once.

        Args:
            images: Normalised validation images ``(n, C, H, W)``.
            labels: Their classes ``(n,)``.
            phase_epochs: Epochs completed in the phase, for what changes over it.
            at: Take the gradient at these alphas in place of the supernet's own.

        Returns:
            The validation loss before the move, without regularisers.
        """
        own = list(self._supernet.alphas.values())
        point = (
            dict(self._supernet.alphas.items())
            if at is None
            else {
                name: torch.as_tensor(at[name], dtype=alpha.dtype, device=alpha.device)
                .clone()
                .requires_grad_()
                for name, alpha in self._supernet.alphas.items()
            }
        )
        temperature = self._phase.value("temperature", phase_epochs)
        mixing = mixing_of(self._supernet, point, temperature=temperature)
        loss = functional.cross_entropy(self._supernet(images, mixing=mixing), labels)
        total = loss + self._penalty(point, mixing, phase_epochs)
        gradients = torch.autograd.grad(total, list(point.values()))
        for alpha, gradient in zip(own, gradients, strict=True):
            alpha.grad = gradient
        for group in self._adam.param_groups:
            group["lr"] = self._phase.value("learning_rate", phase_epochs)
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        return float(loss.detach())

    def _penalty(
        self, alphas: Mapping[str, torch.Tensor], mixing: Mixing, phase_epochs: int
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


class SwarmDriver:
    """Moves the alphas by a swarm: one generation a step, all particles on one mini-batch.

    The optimizer runs with ``noisy=True``: both sides of every competition are evaluated on the
    same images under the same weights. Its answer, ``recommend()``, becomes the supernet's alphas.

    Args:
        supernet: The network that evaluates particles.
        adapter: Particles to alphas and back.
        swarm: An ask/tell optimizer over the adapter's box, as :func:`create_swarm` makes it.
        phase: Temperature, and whether a particle is judged mixed or discrete.
        decode: Alphas ``(n, num_edges, num_ops)`` to operations ``(n, num_edges)``.
    """

    def __init__(
        self,
        supernet: Supernet,
        adapter: Adapter,
        swarm: optimizers.Optimizer,
        phase: Phase,
        decode: Any,
    ) -> None:
        self.swarm = swarm
        self._supernet = supernet
        self._adapter = adapter
        self._phase = phase
        self._decode = decode

    def step(self, images: torch.Tensor, labels: torch.Tensor, *, phase_epochs: int) -> int:
        """Run one generation on one mini-batch; return how many particles were evaluated."""
        positions = self.swarm.ask()
        alphas = self._adapter.to_alphas(positions)
        if self._phase.evaluate == "discrete":
            judged = {"operations": self._decode(alphas)}
        else:
            temperature = self._phase.value("temperature", phase_epochs)
            judged = {"mixing": mixing_of(self._supernet, alphas, temperature=temperature)}
        losses = self._supernet.evaluate_swarm(images, labels, **judged)
        self.swarm.tell(positions, losses.double().cpu().numpy())
        write_alphas(self._supernet, self.answer("recommend"))
        return len(positions)

    def answer(self, rule: str) -> dict[str, Any]:
        """Return the alphas that the swarm hands over.

        Args:
            rule: "recommend" (the swarm's recommendation), "best" (its best evaluation) or "centre"
                (the mean of its particles).
        """
        if rule == "centre":
            return self._adapter.to_alphas(self.swarm.positions.mean(axis=0))
        return self._adapter.to_alphas(
            self.swarm.best_position if rule == "best" else self.swarm.recommend()
        )

    def particle(self, draws: np.random.Generator) -> dict[str, Any]:
        """Return the alphas of one particle, drawn uniformly."""
        positions = self.swarm.positions
        return self._adapter.to_alphas(positions[draws.integers(len(positions))])

    @property
    def diversity(self) -> float:
        """How much the particles disagree about the operations, in [0, 1]."""
        return self._adapter.diversity(self.swarm.positions)

    def state_dict(self) -> dict[str, Any]:
        """Return the swarm's state."""
        return self.swarm.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        self.swarm.load_state_dict(dict(state))


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
        phase: Optimizer and population size.
        seed: Its stream.
        centre: The alphas it is seeded around; the first particle stands on them.
        spread: Standard deviation of the others, in logits; ``None`` draws over the whole box.
    """
    lower, upper = adapter.bounds
    swarm = optimizers.create(
        phase.optimizer,
        bounds=(lower, upper),
        population_size=phase.population_size,
        seed=rng.seed_sequence(seed, 0),
        noisy=True,
    )
    if centre is None or spread is None:
        return swarm
    noise = rng.generator(seed, 1).standard_normal((swarm.population_size, adapter.num_dims))
    noise[0] = 0.0
    return optimizers.create(
        phase.optimizer,
        bounds=(lower, upper),
        population_size=swarm.population_size,
        seed=rng.seed_sequence(seed, 0),
        noisy=True,
        initial_positions=np.clip(adapter.to_position(centre) + spread * noise, lower, upper),
    )
