"""Speed and memory of the supernet against straightforward modules, and of a swarm in one call.

Usage: ``python perf/supernet.py [--threads 2] [--rounds 5] [--device cpu]
[--only preset,swarm,steps,memory]``. What is compared is timed in turn, round after round, by the
process's own CPU clock where there is one thread and by the wall clock otherwise; medians are
compared. Above 1 means ours is faster. Memory is what a process holds at most during its first
weight step, less what it held before.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from reference_supernets import Supernet201, SupernetDarts
from torch import Tensor, nn
from torch.nn import functional

from swarmnas.errors import DeviceError
from swarmnas.networks import Supernet
from swarmnas.networks.devices import device_of
from swarmnas.spaces import create

REFERENCES = {"nasbench201": Supernet201, "darts": SupernetDarts}
DEVICE = torch.device("cpu")


def built(name: str, channels: int, cells: int, *, plain: bool) -> nn.Module:
    """Return our supernet or the straightforward one."""
    if plain:
        return REFERENCES[name](10, channels, cells).to(DEVICE)
    space = create(name)
    return Supernet(space, num_classes=10, channels=channels, cells=cells, seed=0).to(DEVICE)


def medians(rounds: int, calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median seconds of each call, called in turn."""
    alone = torch.get_num_threads() == 1 and DEVICE.type == "cpu"
    clock = time.process_time if alone else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            start = clock()
            call()
            if DEVICE.type == "cuda":
                torch.cuda.synchronize()
            times[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def batch(size: int, side: int) -> tuple[Tensor, Tensor]:
    """Return random images and labels."""
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(size, 3, side, side, generator=draw)
    return images.to(DEVICE), torch.randint(0, 10, (size,), generator=draw).to(DEVICE)


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
    ours, theirs = (built(name, channels, cells, plain=plain) for plain in (False, True))
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
    net, plain = (built(space.name, channels, cells, plain=plain) for plain in (False, True))
    rng = np.random.default_rng(0)
    columns = rng.integers(0, 5, (20, 6))
    mixing = torch.tensor(rng.dirichlet(np.ones(5), (20, 6)), dtype=torch.float32)
    mixing = mixing.to(DEVICE)

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


SIZES = {"nasbench201": (16, 5), "darts": (16, 8)}
"""Channels and cells of the papers."""


def memory(rounds: int) -> None:
    """Print the memory of a weight step, each in a process of its own."""
    for name in SIZES:
        taken = {}
        for kind in ("ours", "plain"):
            words = [sys.executable, __file__, "--step-of", f"{name}:{kind}"]
            words += ["--threads", str(torch.get_num_threads()), "--device", DEVICE.type]
            runs = [int(subprocess.check_output(words, text=True)) for _ in range(rounds)]
            taken[kind] = statistics.median(runs)
        print(f"{name} C={SIZES[name][0]} cells={SIZES[name][1]}, a weight step, batch 32 at 32x32")
        print("  " + ", ".join(f"{kind} {value / 2**20:.0f} MiB" for kind, value in taken.items()))
        print(f"  memory {taken['ours'] / taken['plain']:.2f}x")


def step_of(name: str, kind: str) -> None:
    """Run one weight step and print the bytes that it took at most."""
    net = built(name, *SIZES[name], plain=kind == "plain")
    images, labels = batch(32, 32)
    shapes = create(name).alpha_shapes
    mixing = {
        cell: torch.full(shape, 1 / shape[1], device=DEVICE) for cell, shape in shapes.items()
    }
    mine = isinstance(net, Supernet)
    weights = net.weight_parameters() if mine else list(net.parameters())
    step = stepper(weights, lambda: functional.cross_entropy(net(images, mixing), labels))
    if DEVICE.type == "cuda":
        before = torch.cuda.memory_allocated()
        step()
        print(torch.cuda.max_memory_allocated() - before)
        return
    before = held("VmRSS")
    step()
    print(held("VmHWM") - before)


def held(what: str) -> int:
    """Return bytes that this process holds, or held at most, by the kernel's account.

    The peak that ``getrusage`` knows starts with that of the process that started this one.
    """
    (line,) = re.findall(rf"{what}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(line)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="preset,swarm,steps,memory")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--step-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    try:
        DEVICE = device_of(options.device)
    except DeviceError as error:
        sys.exit(str(error))
    if options.step_of:
        step_of(*options.step_of.split(":"))
        sys.exit()
    print(f"torch {torch.__version__}, {options.threads} threads")
    parts = {"preset": preset, "swarm": swarm, "steps": steps, "memory": memory}
    for chosen in options.only.split(","):
        parts[chosen](options.rounds)
