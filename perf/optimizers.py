"""Time a generation of our swarms, of other libraries' and of a hand-written loop.

Run it as ``OMP_NUM_THREADS=1 python perf/optimizers.py``; libraries that are not installed are
left out. Everything minimises the sum of squares, float32 where the library allows, on one
thread; contenders take turns, and the figures are medians over the rounds, in processor time, so
that a busy machine spoils little. The floor is a
competitive swarm written in place in NumPy, which checks and counts nothing.

"ns an element" divides by the components that a generation updates: all of them in a PSO, half
of them in a CSO.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import io
import logging
import platform
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np

import swarmnas
from swarmnas.optimizers import create

SIZES = ((100, 30), (100, 224), (500, 1000))
LIMIT = 5.0
TARGETS = {(100, 30): (2.5, 2.5), (100, 224): (1.7, 4.0), (500, 1000): (1.5, 2.0)}
Steps = Callable[[int], None]
"""Runs so many generations."""
Start = Callable[[int, int, float], Steps]
"""Takes population, dimension and phi, which competitive swarms use."""


def box(num_dims: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of every contender."""
    upper = np.full(num_dims, LIMIT, dtype=np.float32)
    return -upper, upper


def squares(rows: np.ndarray) -> np.ndarray:
    """Return the loss of each row."""
    return (rows * rows).sum(axis=1)


def floor(size: int, num_dims: int, phi: float) -> Steps:
    """Return a competitive swarm in place, with nothing around it."""
    rng, half = np.random.Generator(np.random.SFC64(0)), size // 2
    lower, upper = box(num_dims)
    x = rng.uniform(-LIMIT, LIMIT, (size, num_dims)).astype(np.float32)
    v, losses = np.zeros_like(x), squares(x)
    draws = np.empty((3 if phi else 2, half, num_dims), dtype=np.float32)
    bits, flat, scale = rng.bit_generator, draws.reshape(-1), np.float32(2**-24)
    here, speed, pull = (np.empty((half, num_dims), dtype=np.float32) for _ in range(3))

    def steps(count: int) -> None:
        for _ in range(count):
            first, second = rng.permutation(size)[: 2 * half].reshape(2, half)
            upset = losses[second] < losses[first]
            winners, losers = np.where(upset, second, first), np.where(upset, first, second)
            words = bits.random_raw((flat.size + 1) // 2).view(np.uint32)
            words >>= np.uint32(8)  # two float32 a word; sooner than rng.random(out=draws)
            flat[...] = words.view(np.int32)[: flat.size]
            np.multiply(flat, scale, out=flat)
            np.take(x, losers, axis=0, out=here, mode="clip")
            np.take(v, losers, axis=0, out=speed, mode="clip")
            np.take(x, winners, axis=0, out=pull, mode="clip")
            np.multiply(speed, draws[0], out=speed)
            np.subtract(pull, here, out=pull)
            np.multiply(pull, draws[1], out=pull)
            np.add(speed, pull, out=speed)
            if phi:
                np.subtract(x.mean(axis=0), here, out=pull)
                np.multiply(pull, draws[2], out=pull)
                np.multiply(pull, phi, out=pull)
                np.add(speed, pull, out=speed)
            np.add(here, speed, out=here)
            np.maximum(here, lower, out=here)
            np.minimum(here, upper, out=here)
            x[losers], v[losers] = here, speed
            losses[losers] = squares(here)

    return steps


def ours(name: str) -> Start:
    """Return a contender of our own."""

    def start(size: int, num_dims: int, phi: float) -> Steps:
        swarm = create(
            name,
            bounds=box(num_dims),
            seed=0,
            population_size=size,
            dtype="float32",
            **({"phi": phi} if name == "cso" else {}),
        )

        def steps(count: int) -> None:
            for _ in range(count):
                rows = swarm.ask()
                swarm.tell(rows, squares(rows))

        return steps

    return start


def evox(name: str) -> Start:
    """Return a contender of EvoX, eager."""

    def start(size: int, num_dims: int, phi: float) -> Steps:
        import torch
        from evox import algorithms
        from evox.core import Problem
        from evox.workflows import StdWorkflow

        class Squares(Problem):
            def evaluate(self, pop: torch.Tensor) -> torch.Tensor:
                return (pop * pop).sum(dim=1)

        torch.set_num_threads(1)
        lower, upper = (torch.from_numpy(bound) for bound in box(num_dims))
        settings = {"phi": phi} if name == "CSO" else {}
        algorithm = getattr(algorithms, name)(pop_size=size, lb=lower, ub=upper, **settings)
        workflow = StdWorkflow(algorithm, Squares())
        workflow.init_step()

        def steps(count: int) -> None:
            for _ in range(count):
                workflow.step()

        return steps

    return start


def pyswarms(size: int, num_dims: int, phi: float) -> Steps:
    """Return the global-best PSO of pyswarms (float64)."""
    from pyswarms.single import GlobalBestPSO

    logging.disable(logging.INFO)
    swarm = GlobalBestPSO(
        n_particles=size,
        dimensions=num_dims,
        options={"w": 0.7298, "c1": 1.49618, "c2": 1.49618},
        bounds=box(num_dims),
    )
    return lambda count: swarm.optimize(squares, iters=count, verbose=False) and None


def pymoo(size: int, num_dims: int, phi: float) -> Steps:
    """Return the PSO of pymoo (float64)."""
    from pymoo.algorithms.soo.nonconvex.pso import PSO
    from pymoo.core.problem import Problem

    class Squares(Problem):
        def __init__(self) -> None:
            super().__init__(n_var=num_dims, n_obj=1, xl=-LIMIT, xu=LIMIT)

        def _evaluate(self, x: np.ndarray, out: dict, *_: object, **__: object) -> None:
            out["F"] = squares(x)

    algorithm = PSO(pop_size=size)
    algorithm.setup(Squares(), termination=("n_gen", 10**9), seed=0, verbose=False)
    algorithm.next()

    def steps(count: int) -> None:
        for _ in range(count):
            algorithm.next()

    return steps


def mealpy(size: int, num_dims: int, phi: float) -> Steps:
    """Return the PSO of mealpy (float64), which evaluates row by row."""
    from mealpy import PSO, FloatVar

    lower, upper = box(num_dims)
    problem = {
        "bounds": FloatVar(lb=lower, ub=upper),
        "minmax": "min",
        "obj_func": lambda row: float((row * row).sum()),
        "log_to": None,
    }
    return lambda count: PSO.OriginalPSO(epoch=count, pop_size=size).solve(problem, seed=0) and None


def nevergrad(size: int, num_dims: int, phi: float) -> Steps:
    """Return the PSO of nevergrad (float64), a population of workers."""
    import nevergrad as ng

    space = ng.p.Array(shape=(num_dims,), lower=-LIMIT, upper=LIMIT)
    optimizer = ng.optimizers.registry["PSO"](space, budget=10**9, num_workers=size)

    def steps(count: int) -> None:
        for _ in range(count):
            asked = [optimizer.ask() for _ in range(size)]
            losses = squares(np.stack([candidate.value for candidate in asked]))
            for candidate, loss in zip(asked, losses.tolist(), strict=True):
                optimizer.tell(candidate, loss)

    return steps


CONTENDERS: dict[str, tuple[str, Start, float]] = {
    "floor (NumPy, in place)": ("numpy", floor, 0.5),
    "swarmnas cso": ("numpy", ours("cso"), 0.5),
    "swarmnas icso": ("numpy", ours("icso"), 0.5),
    "swarmnas sl-pso": ("numpy", ours("sl-pso"), 1.0),
    "swarmnas llso": ("numpy", ours("llso"), 0.75),
    "swarmnas pso": ("numpy", ours("pso"), 1.0),
    "swarmnas clpso": ("numpy", ours("clpso"), 1.0),
    "swarmnas de": ("numpy", ours("de"), 1.0),
    "EvoX CSO": ("evox", evox("CSO"), 0.5),
    "EvoX PSO": ("evox", evox("PSO"), 1.0),
    "pyswarms PSO": ("pyswarms", pyswarms, 1.0),
    "pymoo PSO": ("pymoo", pymoo, 1.0),
    "mealpy PSO": ("mealpy", mealpy, 1.0),
    "nevergrad PSO": ("nevergrad", nevergrad, 1.0),
}


def version(package: str) -> str | None:
    """Return the installed version, or ``None``."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def timed(steps: Steps, count: int) -> float:
    """Return the processor seconds a generation takes, over ``count`` of them."""
    start = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        steps(count)
    return (time.process_time() - start) / count


def measure(size: int, num_dims: int, given: argparse.Namespace) -> dict[str, float]:
    """Return the median seconds a generation of each contender that is installed."""
    running, counts = {}, {}
    for name, (package, start, _) in CONTENDERS.items():
        wanted = not given.only or any(word in name for word in ("floor", *given.only))
        if version(package) is None or not wanted:
            continue
        running[name] = start(size, num_dims, given.phi)
        timed(running[name], 2)
        counts[name] = max(2, int(given.seconds / timed(running[name], 3)))
    taken: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(given.rounds):
        for name, steps in running.items():
            taken[name].append(timed(steps, counts[name]))
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> None:
    """Print one table a size, and how the targets were met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.2, help="a contender a round")
    parser.add_argument("--phi", type=float, default=0.0, help="of the competitive swarms")
    parser.add_argument("--dims", type=int, nargs="+", default=[30, 224, 1000])
    parser.add_argument("--only", nargs="*", default=[], help="contenders with these words")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    packages = ("numpy", "torch", "evox", "pyswarms", "pymoo", "mealpy", "nevergrad")
    versions = ", ".join(f"{name} {version(name)}" for name in packages if version(name))
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()},")
    print(f"swarmnas {swarmnas.__version__}, {versions}; {given.rounds} rounds, phi {given.phi}\n")
    for size, num_dims in SIZES:
        if num_dims not in given.dims:
            continue
        found = measure(size, num_dims, given)
        base = found["floor (NumPy, in place)"]
        print(f"population {size}, {num_dims} dimensions\n")
        print("| contender | us a generation | ns an element | times the floor |")
        print("|---|---|---|---|")
        for name, seconds in found.items():
            updated = CONTENDERS[name][2] * size * num_dims
            print(
                f"| {name} | {1e6 * seconds:.0f} | {1e9 * seconds / updated:.1f} "
                f"| {seconds / base:.2f} |"
            )
        if "swarmnas cso" not in found:
            continue
        most, least = TARGETS[size, num_dims]
        print(
            f"\ncso: {found['swarmnas cso'] / base:.2f} times the floor (at most {most:g})", end=""
        )
        if "EvoX CSO" in found:
            gain = found["EvoX CSO"] / found["swarmnas cso"]
            print(f", {gain:.1f} times faster than EvoX (at least {least:g})", end="")
        print("\n", flush=True)


if __name__ == "__main__":
    main()
