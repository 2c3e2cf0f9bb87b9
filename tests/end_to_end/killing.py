"""Start a run in a child, kill it, continue it, until it ends by itself; many times.

Each child is forked from this process, so that all is imported once. Called with
JSON: the job, its settings, a directory, and the kills: seconds after the start (a share of what
the unbroken run takes, as ``{"at": 0.3}``) or the number of a call that writes
(``{"write": 7}``: the process dies in the middle of its seventh such call).
"""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path


def search_job(settings, path):
    from swarmnas import search

    if (path / "config.toml").exists():
        search.resume(path)
    else:
        search.run(search.SearchConfig.from_mapping(settings), out=path)


def bench_job(settings, path):
    from swarmnas import bench

    bench.run(bench.Study.from_mapping(settings), path)


def train_job(settings, path):
    from swarmnas import spaces, training

    if (path / "config.toml").exists():
        training.resume(path)
    else:
        cell = spaces.read_genotype(
            "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
        )
        config = training.TrainingConfig.from_mapping({"threads": 1, "checkpoint_minutes": 0})
        how = training.load_protocol("quick").with_settings(settings)
        training.train(cell, config, how, out=path)


JOBS = {"search": search_job, "bench": bench_job, "train": train_job}
WRITES = ("write", "ftruncate", "fsync", "replace", "unlink", "mkdir")


def die_at_write(number):
    """Let this process die in a call to the system that writes, after or before its effect."""
    calls = 0

    def dying(call):
        def wrapped(*arguments, **settings):
            nonlocal calls
            calls += 1
            if calls == number and number % 2:
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*arguments, **settings)
            if calls == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapped

    for name in WRITES:
        setattr(os, name, dying(getattr(os, name)))


def start(job, settings, path, *, write=None):
    child = os.fork()
    if child:
        return child
    try:
        if write is not None:
            die_at_write(write)
        JOBS[job](settings, path)
        os._exit(0)
    except BaseException as error:
        print(f"{path}: {error!r}", file=sys.stderr, flush=True)
        os._exit(1)


def killed_after(seconds, job, settings, path):
    child = start(job, settings, path)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return child


def ended(child):
    """Wait for a child; return whether it ended by itself, and well."""
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) not in (0, -signal.SIGKILL):
        sys.exit("a child failed")
    return status == 0


def main():
    told = json.loads(sys.argv[1])
    job, settings, home = told["job"], told["settings"], Path(told["home"])
    JOBS[job](settings, home / "whole")  # here, so that the children find everything imported
    began = time.monotonic()
    ended(start(job, settings, home / "again"))
    takes = time.monotonic() - began
    killed = 0
    for number, kill in enumerate(told["kills"]):
        path = home / f"killed-{number}"
        if "write" in kill:
            killed += not ended(start(job, settings, path, write=kill["write"]))
        else:
            wait = kill["at"] * takes
            while ended(killed_after(wait, job, settings, path)):  # faster than the timed one
                shutil.rmtree(path)
                wait /= 2
            killed += 1
        if not ended(start(job, settings, path)):
            sys.exit("a continued run did not end by itself")
    print(json.dumps({"killed": killed, "seconds": takes}))


if __name__ == "__main__":
    main()
