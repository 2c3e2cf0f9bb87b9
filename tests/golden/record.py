"""What the golden files hold, and the command that records them: ``python -m tests.golden.record``.

Names after it record these optimizers alone. A file that still holds is left as it is, so what the
command changes is what the change was.
"""

import json
import platform
import re
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

import swarmnas
from swarmnas.optimizers import create, optimizers

FOLDER = Path(__file__).parent
KINDS = {"noise-free": False, "noisy": True}
LOWER, UPPER = np.array([1.0, 2.0, 10.0]), np.array([4.0, 3.0, 90.0])  # no zero: RTOL says it all
# The smallest swarm that falls into pairs, triples and four levels of more than one, and a budget
# spent to its last row, for some settings follow the share that is spent: 5 to 28 generations.
PARTICLES, BUDGET = 12, 96
# Positions told one unit in the last place off, in every generation, end at most 1e-14 off, and
# 1e-8 off they still lose and win as before: no decision hangs on a rounding. 12 digits are stored.
# A coefficient of a step changed by 1e-3 moves rows by 5e-7 and more; one that is only compared,
# a probability or a weight of losses, is noticed when a comparison turns out otherwise.
RTOL = 1e-9


def ours():
    """Return the names of our own algorithms; a wrapped one, without exact state, is its library's.

    Other packages' optimizers are theirs to record.
    """
    return [
        name
        for name, entry in optimizers.entries().items()
        if entry.origin == "swarmnas" and optimizers.load(name).capabilities.exact_state
    ]


def file_of(name):
    return FOLDER / f"{name}.json"


def read(name):
    return json.loads(file_of(name).read_text(encoding="utf-8"))


def loss(rows, generation, noisy):
    """Return a tilted bowl with its minimum at a bound, plus noise that needs no generator.

    Sums and products alone, which every processor rounds alike.
    """
    a, b, c = ((rows - LOWER) / (UPPER - LOWER)).T
    bowl = (a - 0.3) * (a - 0.3) + 2 * b * b + (c - 0.6) * (c - 0.6) + (a - c) * b
    return bowl + noisy * 0.1 * ((7 * np.arange(len(rows)) + 3 * generation) % 5)


def trajectory(name, noisy):
    """Return the size of each batch, the rows of all, and what is recommended at the end."""
    swarm = create(
        name,
        bounds=(LOWER, UPPER),
        seed=7,
        population_size=PARTICLES,
        max_evaluations=BUDGET,
        noisy=noisy,
    )
    batches = []
    while not swarm.stop_reasons():
        batches.append(swarm.ask())
        swarm.tell(batches[-1], loss(batches[-1], len(batches), noisy))
    return {
        "batches": [len(rows) for rows in batches],
        "rows": _digits(np.concatenate(batches)),
        "recommended": _digits(swarm.recommend()),
    }


def difference(found, recorded):
    """Return where a trajectory first leaves the recorded one, in words; nothing if it does not."""
    if found["batches"] != recorded["batches"]:
        return f"expected batches of {recorded['batches']} rows; got {found['batches']}"
    ends = np.cumsum([0, *found["batches"]])
    for generation, (first, end) in enumerate(pairwise(ends), start=1):
        expected, got = recorded["rows"][first:end], found["rows"][first:end]
        off = ~np.isclose(got, expected, rtol=RTOL, atol=0).all(axis=1)
        if off.any():
            row = off.argmax()
            return f"generation {generation}, row {row}: expected {expected[row]}; got {got[row]}"
    if not np.allclose(found["recommended"], recorded["recommended"], rtol=RTOL, atol=0):
        return f"expected {recorded['recommended']} recommended; got {found['recommended']}"
    return ""


def here():
    """Return what this process runs on."""
    return {
        "swarmnas": swarmnas.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
    }


def _digits(array):
    """Return an array as lists of numbers of 12 digits."""
    if array.ndim > 1:
        return [_digits(row) for row in array]
    return [float(f"{number:.12g}") for number in array]


def _as_text(data):
    """Return JSON with one line a row."""
    text = json.dumps(data, indent=1)
    return re.sub(r"\[[^][]+\]", lambda row: " ".join(row[0].split()), text) + "\n"


def main(names):
    for name in names or ours():
        found = {kind: trajectory(name, noisy) for kind, noisy in KINDS.items()}
        if file_of(name).exists():
            recorded = read(name)
            if not any(difference(found[kind], recorded[kind]) for kind in KINDS):
                continue
        file_of(name).write_text(_as_text({"recorded": here(), **found}), encoding="utf-8")
        print(f"recorded {file_of(name).name}")


if __name__ == "__main__":
    main(sys.argv[1:])
