"""Gradients of the validation loss in the alphas, of first and of second order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from swarmnas.networks import Supernet

__all__ = ["Batch", "Mixing", "alpha_loss", "first_order", "mixing_of", "second_order"]

Batch = tuple[Tensor, Tensor]
"""Normalised images ``(n, C, H, W)`` and their classes ``(n,)``."""

Mixing = dict[str, Tensor]
"""Cell name -> ``(..., num_edges, num_ops)``; rows sum to 1."""

Penalty = Callable[[Mapping[str, Tensor], Mixing], Tensor | float]
"""What is added to the validation loss, given the alphas and their softmax."""

_DIFFERENCE = 0.01
"""Length of the step in the weights that the second derivative is differenced over."""


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


def alpha_loss(
    supernet: Supernet,
    mixing: Mixing,
    batch: Batch,
    *,
    weights: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """Return the cross-entropy of the supernet on a batch.

    Args:
        supernet: The network.
        mixing: Its mixing weights.
        batch: Images and labels.
        weights: Parameter name -> tensor, in place of the network's own.
    """
    images, labels = batch
    if weights is None:
        return functional.cross_entropy(supernet(images, mixing=mixing), labels)
    logits = functional_call(supernet, dict(weights), (images,), {"mixing": mixing})
    return functional.cross_entropy(logits, labels)


def first_order(
    supernet: Supernet,
    alphas: Mapping[str, Tensor],
    valid: Batch,
    *,
    temperature: float = 1.0,
    penalty: Penalty | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Return the validation loss, without the penalty, and the gradient of loss plus penalty.

    Args:
        supernet: The network; its weights count as constants.
        alphas: Where to take the gradient: tensors that require one.
        valid: A batch of validation images.
        temperature: Divides the alphas before the softmax, > 0.
        penalty: Added to the loss.

    Returns:
        The loss, and a gradient for each cell in the order of ``alphas``.
    """
    mixing = mixing_of(supernet, alphas, temperature=temperature)
    loss = alpha_loss(supernet, mixing, valid)
    total = loss + (penalty(alphas, mixing) if penalty else 0.0)
    return loss.detach(), list(torch.autograd.grad(total, list(alphas.values())))


def second_order(
    supernet: Supernet,
    alphas: Mapping[str, Tensor],
    valid: Batch,
    train: Batch,
    sgd: torch.optim.SGD,
    *,
    temperature: float = 1.0,
    penalty: Penalty | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Return the validation loss after one virtual step of the weights, and its gradient.

    The virtual step goes from the weights w to ``w' = w - rate (g + decay w + momentum v)``, with
    the gradient g of the training loss and SGD's buffer v. Since w' depends on the alphas, so does
    the loss at w' in two ways; the mixed second derivative times the gradient at w' is a central
    difference of the training loss's gradient in the alphas, 0.01 in the direction of the
    gradient at w' to either side.

    Args:
        supernet: The network; its weights are read and stay as they are.
        alphas: Where to take the gradient: tensors that require one.
        valid: A batch of validation images.
        train: The batch of training images that the weights learn from next.
        sgd: The weights' optimiser: its rate, momentum, weight decay and buffers.
        temperature: Divides the alphas before the softmax, > 0.
        penalty: Added to the validation loss.

    Returns:
        The loss at w', without the penalty, and a gradient for each cell in the order of
        ``alphas``.

    References:
        Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019,
        arXiv 1806.09055, eq. 6 to 8. Differs from the paper: nothing; where SGD runs with Nesterov
        momentum or clips its gradient, the virtual step does neither, as in the paper.
    """
    group = sgd.param_groups[0]
    rate, decay, momentum = group["lr"], group["weight_decay"], group["momentum"]
    own = {
        f"stack.{name}": weight
        for name, weight in supernet.stack.named_parameters()
        if weight.requires_grad
    }

    def mixed() -> Mixing:
        return mixing_of(supernet, alphas, temperature=temperature)

    constant = {name: rows.detach() for name, rows in mixed().items()}
    loss = alpha_loss(supernet, constant, train)
    gradients = torch.autograd.grad(loss, list(own.values()), materialize_grads=True)
    virtual = {}
    with torch.no_grad():
        for (name, weight), gradient in zip(own.items(), gradients, strict=True):
            step = gradient + decay * weight
            buffer = sgd.state.get(weight, {}).get("momentum_buffer")
            if buffer is not None:
                step = step + momentum * buffer
            virtual[name] = (weight - rate * step).requires_grad_()

    mixing = mixed()
    loss = alpha_loss(supernet, mixing, valid, weights=virtual)
    total = loss + (penalty(alphas, mixing) if penalty else 0.0)
    points = list(alphas.values())
    found = torch.autograd.grad(total, [*points, *virtual.values()], materialize_grads=True)
    direct, towards = list(found[: len(points)]), found[len(points) :]
    length = float(torch.linalg.vector_norm(torch.cat([part.flatten() for part in towards])))
    if length == 0:
        return loss.detach(), direct
    radius = _DIFFERENCE / length
    sides = []
    for sign in (1, -1):
        with torch.no_grad():
            moved = {
                name: weight + sign * radius * part
                for (name, weight), part in zip(own.items(), towards, strict=True)
            }
        there = alpha_loss(supernet, mixed(), train, weights=moved)
        sides.append(torch.autograd.grad(there, points))
    return loss.detach(), [
        gradient - rate * (ahead - behind) / (2 * radius)
        for gradient, ahead, behind in zip(direct, *sides, strict=True)
    ]
