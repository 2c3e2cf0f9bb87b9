"""Speed of the supernet: ratios against straightforward modules, and of a swarm in one call.

Usage: ``python perf/supernet.py [--threads 2] [--rounds 5] [--only preset,swarm,steps]``. What is
compared is timed in turn, round after round, by the process's own CPU clock where there is one
thread and by the wall clock otherwise; medians are compared. Above 1 means ours is faster.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from reference_supernets import Supernet201, SupernetDarts
from torch import Tensor, nn
from torch.nn import functional

from swarmnas.networks import Supernet
from swarmnas.spaces import create

REFERENCES = {"nasbench201": Supernet201, "darts": SupernetDarts}


def medians(rounds: int, calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median seconds of each call, called in turn."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            start = clock()
            call()
            times[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def batch(size: int, side: int) -> tuple[Tensor, Tensor]:
    """Return random images and labels."""
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(size, 3, side, side, generator=draw)
    return images, torch.randint(0, 10, (size,), generator=draw)


def stepper(parameters: list[nn.Parameter], loss: Callable[[], Tensor]) -> Callable[[], None]:
    """Return one step of SGD as a function."""
    optimizer = torch.optim.SGD(parameters, lr=1e-3, momentum=0.9, nesterov=True)

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


def against_reference(
    name: str, channels: int, cells: int, size: int, side: int, rounds: int
) -> None:
    """Time a weight step, an alpha step and a forward pass against plain modules."""
    images, labels = batch(size, side)
    ours = Supernet(create(name), num_classes=10, channels=channels, cells=cells, seed=0)
    theirs = REFERENCES[name](10, channels, cells)
    mixing = {cell: weights.detach() for cell, weights in ours.mixing().items()}

    def loss(net: nn.Module, weights: dict[str, Tensor] | None) -> Tensor:
        return functional.cross_entropy(net(images, weights), labels)

    seconds = medians(
        rounds,
        {
            "step": stepper(ours.weight_parameters(), lambda: loss(ours, mixing)),
            "plain step": stepper(list(theirs.parameters()), lambda: loss(theirs, mixing)),
            "alpha step": stepper(ours.alpha_parameters(), lambda: loss(ours, None)),
            "forward": torch.no_grad()(lambda: loss(ours, mixing)),
            "plain forward": torch.no_grad()(lambda: loss(theirs, mixing)),
        },
    )
    print(f"{name} C={channels} cells={cells} batch {size} at {side}x{side}")
    print("  " + ", ".join(f"{what} {1e3 * value:.1f} ms" for what, value in seconds.items()))
    print(f"  weight step {seconds['plain step'] / seconds['step']:.2f}x")
    print(f"  forward     {seconds['plain forward'] / seconds['forward']:.2f}x")


def preset(rounds: int) -> None:
    """Time the CPU preset's sizes."""
    for size in (64, 128):
        against_reference("nasbench201", 8, 1, size, 16, 4 * rounds)


def steps(rounds: int) -> None:
    """Time the papers' sizes at batch 32."""
    against_reference("nasbench201", 16, 5, 32, 32, rounds)
    against_reference("darts", 16, 8, 32, 32, rounds)


def twenty(channels: int, cells: int, side: int, rounds: int) -> None:
    """Time twenty uniformly drawn particles in one call against twenty calls."""
    images, labels = batch(64, side)
    space = create("nasbench201")
    net = Supernet(space, num_classes=10, channels=channels, cells=cells, seed=0)
    plain = Supernet201(10, channels, cells)
    rng = np.random.default_rng(0)
    columns = rng.integers(0, 5, (20, 6))
    mixing = torch.tensor(rng.dirichlet(np.ones(5), (20, 6)), dtype=torch.float32)

    def each(forward: Callable[..., Tensor], particles: object) -> Callable[[], object]:
        return lambda: [
            functional.cross_entropy(forward(images, {"cell": row}), labels) for row in particles
        ]

    with torch.no_grad():
        seconds = medians(
            rounds,
            {
                "discrete": lambda: net.evaluate_swarm(
                    images, labels, operations={"cell": columns}
                ),
                "discrete one by one": each(net.forward_discrete, columns),
                "plain discrete": each(plain, columns.tolist()),
                "mixed": lambda: net.evaluate_swarm(images, labels, mixing={"cell": mixing}),
                "mixed one by one": each(net, mixing),
                "plain mixed": each(plain, mixing),
            },
        )
    print(f"20 particles, nasbench201 C={channels} N={cells} batch 64 at {side}x{side}")
    print("  " + ", ".join(f"{what} {1e3 * value:.0f} ms" for what, value in seconds.items()))
    for ours, other in (
        ("discrete", "discrete one by one"),
        ("discrete", "plain discrete"),
        ("discrete", "mixed one by one"),
        ("mixed", "mixed one by one"),
        ("mixed", "plain mixed"),
    ):
        print(f"  {ours} against {other}: {seconds[other] / seconds[ours]:.2f}x")


def swarm(rounds: int) -> None:
    """Time both sizes."""
    twenty(8, 1, 16, rounds)
    twenty(16, 5, 32, max(1, rounds // 3))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="preset,swarm,steps")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.threads} threads")
    for chosen in options.only.split(","):
        {"preset": preset, "swarm": swarm, "steps": steps}[chosen](options.rounds)
