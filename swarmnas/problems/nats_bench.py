"""Import of the official NATS-Bench and NAS-Bench-201 archives into a :class:`Table`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swarmnas.checks import require
from swarmnas.errors import DataError, SettingError
from swarmnas.problems.table import Table, check_writable

__all__ = ["import_table"]

EPOCHS = ("12", "200")
"""The two training lengths that the benchmarks' topology space records."""

SOURCES = {
    "cifar10": {"valid": "cifar10-valid", "test": "cifar10"},
    "cifar100": {"valid": "cifar100", "test": "cifar100"},
    "imagenet16-120": {"valid": "ImageNet16-120", "test": "ImageNet16-120"},
}
"""Our data set -> split -> the benchmark's data set: CIFAR-10's validation figures come from nets
trained on half the training images, its test figures from nets trained on all."""


def import_table(archive: Path | str, out: Path | str, *, trust: bool = False) -> Table:
    """Make a table file from an official archive, averaged over the benchmark's seeds.

    Reads the folder ``NATS-tss-v1_0-3ffb9-simple``, the file ``NATS-tss-v1_0-3ffb9.pickle.pbz2``,
    and the files ``NAS-Bench-201-v1_0-e61699.pth`` and ``NAS-Bench-201-v1_1-096897.pth``, through
    the package ``nats-bench``; a ``.pth`` needs torch as well. The last three are read whole and
    take several times their size in memory.

    Args:
        archive: Path of the archive.
        out: The ``.csv`` or ``.csv.gz`` to write; replaced if it is there.
        trust: Say that the archive may run code: it is a pickle.

    Returns:
        The table that was written.

    Raises:
        SettingError: ``trust`` is not set.
        MissingDependencyError: ``nats-bench`` is not installed.
        DataError: The archive is missing or no such archive, or ``out`` cannot be written.
    """
    archive = Path(archive)
    if not trust:
        raise SettingError(
            f"trust: expected True, since reading {archive} unpickles it, and a pickle can run any "
            "code; got False. Only if its checksum is that of the benchmark's authors, pass "
            "trust=True (--trust)."
        )
    out = check_writable(out)
    if not archive.exists():
        raise DataError(f"{archive}: expected an archive; got no such path. Check the path.")
    nats_bench = require("nats_bench", extra="nats", needed_by="table import")
    try:
        api = _open(nats_bench, archive)
        table = _collect(api, archive)
    except (DataError, MemoryError):
        raise
    except Exception as cause:  # whatever an unpickler raises on a file that is none
        raise DataError(
            f"{archive}: expected a whole NATS-Bench (topology) or NAS-Bench-201 archive; got "
            f"{type(cause).__name__}: {cause}. Compare its checksum and copy it again."
        ) from cause
    table.write(out)
    return table


def _open(nats_bench: Any, archive: Path) -> Any:
    if archive.suffix == ".pth":
        torch = require("torch", extra="nats", needed_by=f"table import of {archive.name}")
        content = torch.load(archive, map_location="cpu", weights_only=False)
        # NAS-Bench-201 calls the two training lengths by name, NATS-Bench by epochs.
        epochs = {"less": "12", "full": "200"}
        content["arch2infos"] = {
            index: {epochs[length]: result for length, result in lengths.items()}
            for index, lengths in content["arch2infos"].items()
        }
        return nats_bench.create(content, "tss", fast_mode=False, verbose=False)
    return nats_bench.create(str(archive), "tss", fast_mode=archive.is_dir(), verbose=False)


def _collect(api: Any, archive: Path) -> Table:
    archs = [api.arch(index) for index in range(len(api))]
    names: list[str] = []
    columns: dict[str, list[float]] = {}
    for index, arch in enumerate(archs):
        row = _row(api, index)
        if index == 0:
            names = list(row)
            columns = {name: [] for name in names}
        if list(row) != names:
            odd = ", ".join(sorted(set(row) ^ set(names)))
            raise DataError(
                f"{archive}: expected the same figures for every cell; got cell {index}, {arch}, "
                f"with other ones: {odd}. Is the archive whole?"
            )
        for name, value in row.items():
            columns[name].append(value)
        if api.fast_mode:
            api.arch2infos_dict.clear()  # else the cells read so far stay in memory
    table = Table(archs, {"index": list(range(len(archs))), **columns}, source=str(archive))
    if not table.validation_columns:
        raise DataError(f"{archive}: expected validation accuracies; got none. Is it whole?")
    return table


def _row(api: Any, index: int) -> dict[str, float]:
    row: dict[str, float] = {}
    for dataset, sources in SOURCES.items():
        for epochs in reversed(EPOCHS):
            for split, source in sources.items():
                accuracy = _info(api, index, source, epochs).get(f"{split}-accuracy")
                if accuracy is not None:
                    row[f"{dataset}_{split}_{epochs}"] = float(accuracy)
        costs = _costs(api, index, sources["test"])
        for cost in ("params", "flops"):
            if cost in costs:  # both in millions
                row[f"{dataset}_{cost}"] = float(round(costs[cost] * 1e6))
    return row


def _info(api: Any, index: int, dataset: str, epochs: str) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = api.get_more_info(index, dataset, hp=epochs, is_random=False)
    except KeyError:  # this archive has no such data set or training length
        return {}
    return found


def _costs(api: Any, index: int, dataset: str) -> Mapping[str, Any]:
    for epochs in reversed(EPOCHS):
        try:
            costs: Mapping[str, Any] = api.get_cost_info(index, dataset, hp=epochs)
        except (KeyError, ValueError):  # no such data set, no such training length
            continue
        return costs
    return {}
