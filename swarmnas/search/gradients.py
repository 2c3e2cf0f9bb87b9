"""Gradients of the validation loss in the alphas, of first and of second order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from swarmnas.checks import finite_loss
from swarmnas.networks import Supernet

__all__ = [
    "Batch",
    "Mixing",
    "alpha_loss",
    "assess",
    "finite_step",
    "first_order",
    "mixing_of",
    "second_order",
]

Batch = tuple[Tensor, Tensor]
"""Normalised images ``(n, C, H, W)`` and their classes ``(n,)``."""

Mixing = dict[str, Tensor]
"""Cell name -> ``(..., num_edges, num_ops)``; rows sum to 1."""

Penalty = Callable[[Mapping[str, Tensor], Mixing], Tensor | float]
"""What is added to the validation loss, given the alphas and their softmax."""


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


def finite_step(where: str, loss: Tensor, norm: Tensor) -> float:
    """Return the loss of a gradient step, which must not be taken unless it is a number.

    Args:
        where: What the loss is called.
        loss: It, ``()``.
        norm: Length of its gradient, ``()``; both are read in one wait for the device.

    Raises:
        DivergenceError: One of them is NaN or infinite.
    """
    value, length = (float(number) for number in torch.stack([loss.detach(), norm]).tolist())
    finite_loss(where, value)
    finite_loss(f"gradient of the {where}", length)
    return value


def assess(predict: Callable[[Tensor], Tensor], batches: Iterable[Batch]) -> list[float]:
    """Return summed loss (nats), right answers and images, over batches, without gradients.

    Args:
        predict: Images -> logits.
        batches: Images and labels, on the device of ``predict``.
    """
    loss = correct = count = 0.0
    with torch.no_grad():
        for images, labels in batches:
            logits = predict(images)
            loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
            correct += float((logits.argmax(1) == labels).sum())
            count += len(labels)
    return [loss, correct, count]


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
    the gradient g of the training loss and SGD's buffer v. The alphas act on the loss at w'
    directly and through w': the second part is ``-rate`` times the mixed second derivative of the
    training loss times the gradient at w', one backward pass through g.

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
        arXiv 1806.09055, eq. 6 and 7. Differs from the paper: the product of eq. 8 is exact, not a
        finite difference over 0.01 in the weights, which is off by half the gradient or more on
        networks with batch normalisation (``perf/second_order.py``). As in the paper, the virtual
        step knows neither Nesterov's momentum nor clipping.
    """
    group = sgd.param_groups[0]
    rate, decay, momentum = group["lr"], group["weight_decay"], group["momentum"]
    own = {
        f"stack.{name}": weight
        for name, weight in supernet.stack.named_parameters()
        if weight.requires_grad
    }
    points = list(alphas.values())
    mixing = mixing_of(supernet, alphas, temperature=temperature)
    loss = alpha_loss(supernet, mixing, train)
    step = torch.autograd.grad(loss, list(own.values()), create_graph=True, materialize_grads=True)
    virtual = {}
    with torch.no_grad():
        for (name, weight), gradient in zip(own.items(), step, strict=True):
            change = gradient + decay * weight
            buffer = sgd.state.get(weight, {}).get("momentum_buffer")
            if buffer is not None:
                change = change + momentum * buffer
            virtual[name] = (weight - rate * change).requires_grad_()

    mixing = mixing_of(supernet, alphas, temperature=temperature)
    loss = alpha_loss(supernet, mixing, valid, weights=virtual)
    total = loss + (penalty(alphas, mixing) if penalty else 0.0)
    found = torch.autograd.grad(total, [*points, *virtual.values()], materialize_grads=True)
    direct, towards = found[: len(points)], found[len(points) :]
    graph = [(g, v) for g, v in zip(step, towards, strict=True) if g.requires_grad]
    through = torch.autograd.grad(
        [g for g, _ in graph], points, [v for _, v in graph], materialize_grads=True
    )
    return loss.detach(), [
        gradient - rate * product for gradient, product in zip(direct, through, strict=True)
    ]
