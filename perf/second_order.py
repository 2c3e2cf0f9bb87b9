"""What the exact second-order gradient costs, and what the published finite difference misses.

Prints, for supernets of two spaces on random images: the relative error of the gradient with the
finite difference of DARTS (0.01 in the direction of the gradient), that of the first-order
gradient, and the time of the exact gradient over that of the difference. Baseline: the difference.
"""

from __future__ import annotations

import time

import torch

from swarmnas.networks import Supernet
from swarmnas.search.gradients import Batch, alpha_loss, first_order, mixing_of, second_order
from swarmnas.spaces import create

RATE, DIFFERENCE = 0.025, 0.01


def differenced(
    net: Supernet, alphas: dict[str, torch.Tensor], valid: Batch, train: Batch
) -> list[torch.Tensor]:
    """Return the second-order gradient as the code of DARTS takes it, without momentum."""
    own = {f"stack.{name}": weight for name, weight in net.stack.named_parameters()}
    points = list(alphas.values())
    loss = alpha_loss(net, mixing_of(net, alphas), train)
    step = torch.autograd.grad(loss, list(own.values()))
    virtual = {
        name: (weight - RATE * gradient).detach().requires_grad_()
        for (name, weight), gradient in zip(own.items(), step, strict=True)
    }
    loss = alpha_loss(net, mixing_of(net, alphas), valid, weights=virtual)
    found = torch.autograd.grad(loss, [*points, *virtual.values()])
    direct, towards = found[: len(points)], found[len(points) :]
    radius = DIFFERENCE / float(norm(towards))
    sides = []
    for sign in (1, -1):
        moved = {
            name: (weight + sign * radius * part).detach()
            for (name, weight), part in zip(own.items(), towards, strict=True)
        }
        there = alpha_loss(net, mixing_of(net, alphas), train, weights=moved)
        sides.append(torch.autograd.grad(there, points))
    return [d - RATE * (a - b) / (2 * radius) for d, a, b in zip(direct, *sides, strict=True)]


def norm(parts: list[torch.Tensor] | tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Return the length of all parts as one vector."""
    return torch.linalg.vector_norm(torch.cat([part.flatten() for part in parts]))


def main() -> None:
    """Print one line a supernet."""
    for space, channels, cells in (("nasbench201", 16, 2), ("darts", 8, 4)):
        net = Supernet(create(space), num_classes=10, channels=channels, cells=cells, seed=0)
        draws = torch.Generator().manual_seed(0)
        batches = [
            (torch.randn(32, 3, 16, 16, generator=draws), torch.arange(32) % 10) for _ in range(22)
        ]
        sgd = torch.optim.SGD(net.weight_parameters(), lr=RATE)
        for batch in batches[2:]:
            sgd.zero_grad()
            alpha_loss(net, mixing_of(net), batch).backward()
            sgd.step()
        alphas = {name: rows.detach().clone().requires_grad_() for name, rows in net.alphas.items()}
        valid, train = batches[:2]
        began = time.perf_counter()
        _, exact = second_order(net, alphas, valid, train, sgd)
        middle = time.perf_counter()
        rough = differenced(net, alphas, valid, train)
        ended = time.perf_counter()
        _, first = first_order(net, alphas, valid)
        errors = [
            float(norm([a - b for a, b in zip(other, exact, strict=True)]) / norm(exact))
            for other in (rough, first)
        ]
        print(
            f"{space}: error of the difference {errors[0]:.2f}, of first order {errors[1]:.2f}; "
            f"time of exact over difference {(middle - began) / (ended - middle):.2f}"
        )


if __name__ == "__main__":
    main()
