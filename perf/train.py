"""Speed and memory of the DARTS_V2 training network against straightforward reference modules.

Usage: ``python perf/train.py [--batch 32] [--channels 36] [--cells 20] [--rounds 5]``, ``--help``.

Both networks hold the same weights (checked: logits and gradients agree) and take the same
training steps: forward with the auxiliary head and drop path, backward, clipping, SGD with
momentum. They are timed in turn, by the process's own CPU clock where there is one thread; medians
are compared. Memory is the most that tensors hold at once in a step, weights included.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import torch
from reference_networks import Edges, NetworkDarts, copy_weights
from torch import Tensor, nn
from torch.nn import functional

from swarmnas.networks import Network
from swarmnas.networks.measuring import PeakMemory
from swarmnas.spaces import Genotype, create, named_genotype
from swarmnas.training import Fit, load_protocol


def edges(genotype: Genotype, cell: str) -> Edges:
    """Return operation and source of each edge, two a node."""
    return [(choice.operation, choice.source) for choice in genotype.choices(cell)]


def pair(channels: int, cells: int) -> tuple[Network, NetworkDarts]:
    """Return both networks with equal weights."""
    genotype = named_genotype("DARTS_V2")
    ours = Network(
        create("darts"),
        genotype,
        num_classes=10,
        channels=channels,
        cells=cells,
        auxiliary=True,
        seed=0,
    )
    theirs = NetworkDarts(edges(genotype, "normal"), edges(genotype, "reduce"), 10, channels, cells)
    copy_weights(ours, theirs)
    return ours, theirs


def plain_step(network: nn.Module, images: Tensor, labels: Tensor) -> Callable[[], None]:
    """Return a training step as the original takes it."""
    protocol = load_protocol("darts-cifar")
    optimizer = torch.optim.SGD(
        network.parameters(),
        protocol.learning_rate,
        momentum=protocol.momentum,
        weight_decay=protocol.weight_decay,
        foreach=False,
    )

    def step() -> None:
        optimizer.zero_grad()
        logits, auxiliary = network(images)
        loss = functional.cross_entropy(logits, labels)
        loss = loss + protocol.auxiliary * functional.cross_entropy(auxiliary, labels)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), protocol.gradient_clip)
        optimizer.step()

    return step


def our_step(network: Network, images: Tensor, labels: Tensor) -> Callable[[], None]:
    """Return a training step of :class:`swarmnas.training.Fit`."""
    training = Fit(network, load_protocol("darts-cifar"), seed=0)
    return lambda: training.take(images, labels)


def agree(ours: Network, theirs: NetworkDarts, images: Tensor, labels: Tensor) -> None:
    """Stop unless logits and gradients are equal in double precision, without drop path."""
    ours, theirs = copy.deepcopy(ours).double(), copy.deepcopy(theirs).double()
    images = images.double()
    gradients = []
    for network in (ours, theirs):
        logits, auxiliary = network(images)
        loss = functional.cross_entropy(logits, labels)
        (loss + 0.4 * functional.cross_entropy(auxiliary, labels)).backward()
        norm = sum(float(p.grad.double().square().sum()) for p in network.parameters()) ** 0.5
        gradients.append((logits.detach(), norm))
    torch.testing.assert_close(gradients[0][0], gradients[1][0], rtol=1e-8, atol=1e-8)
    off = abs(gradients[0][1] / gradients[1][1] - 1)
    print(f"  gradient norms differ by {off:.1e} of their size")
    if off > 1e-8:
        raise SystemExit("the networks differ")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("batch", 32), ("channels", 36), ("cells", 20), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.threads} thread(s), {vars(options)}")
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(options.batch, 3, 32, 32, generator=draw)
    labels = torch.randint(0, 10, (options.batch,), generator=draw)
    ours, theirs = pair(options.channels, options.cells)
    agree(ours, theirs, images[:4], labels[:4])
    ours.drop_path = theirs.drop_path = 0.1
    steps = {
        "reference": plain_step(theirs, images, labels),
        "ours": our_step(ours, images, labels),
    }
    memory = {}
    for name, step in steps.items():
        step()
        network = ours if name == "ours" else theirs
        held = sum(p.numel() * 4 * 2 for p in network.parameters())  # weight and momentum
        with PeakMemory() as mode:
            step()
        memory[name] = mode.peak + held
    clock = time.process_time if options.threads == 1 else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(options.rounds):
        for name, step in steps.items():
            began = clock()
            step()
            times[name].append(clock() - began)
    seconds = {name: statistics.median(values) for name, values in times.items()}
    for name, value in seconds.items():
        spread = f"{min(times[name]):.2f} to {max(times[name]):.2f}"
        print(
            f"  {name:9} {options.batch / value:.2f} images/s ({value:.2f} s a step, {spread}), "
            f"{memory[name] / 2**20:.0f} MiB"
        )
    print(f"  images/s {seconds['reference'] / seconds['ours']:.2f}x")
    print(f"  memory   {memory['ours'] / memory['reference']:.2f}x")
