"""Everything of ours that reads what a stranger may hand over, with whole examples to spoil."""

from __future__ import annotations

import contextlib
import functools
import gzip
import io
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from swarmnas import bench, documents, optimizers
from swarmnas.bench.results import Results
from swarmnas.errors import SwarmNASError, SwarmNASWarning
from swarmnas.phases import Decision, Signals, load_policy, policies
from swarmnas.problems import Table
from swarmnas.runs import RunDirectory, checkpoint
from swarmnas.search.config import read_config
from swarmnas.spaces import Genotype, create
from swarmnas.training.protocol import load_protocol, read_protocol

LONGEST = 20.0
"""Seconds that one input may take; a reader that needs more can be made to hang."""


@dataclass(frozen=True)
class Reader:
    """A reader of one file.

    Args:
        file: Where the file lies, in a folder that holds nothing else.
        read: Reads it, given that folder.
        examples: Makes whole files.
        form: "json", "jsonl" or "toml", where values of the example can be exchanged.
        prepare: Puts what else is needed into the folder.
    """

    file: str
    read: Callable[[Path], object]
    examples: Callable[[], list[bytes]]
    form: str = ""
    prepare: Callable[[Path], object] = lambda home: None

    def put(self, home: Path, content: bytes) -> None:
        """Read ``content`` as a user would; anything but an error of ours comes out."""
        path = home / self.file
        path.write_bytes(content)
        began = time.monotonic()
        with warnings.catch_warnings(), contextlib.suppress(SwarmNASError):
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", SwarmNASWarning)
            self.read(home)
        assert time.monotonic() - began < LONGEST, f"{self.file} took too long"
        assert path.read_bytes() == content, "a reader changed what it read"

    @contextlib.contextmanager
    def home(self) -> Iterator[Path]:
        """Give the folder."""
        with tempfile.TemporaryDirectory() as name:
            home = Path(name)
            (home / self.file).parent.mkdir(parents=True, exist_ok=True)
            self.prepare(home)
            yield home


def _text(home: Path) -> str:
    return (home / "text").read_bytes().decode(errors="replace")


def _genotypes() -> list[Genotype]:
    rng = np.random.default_rng(0)
    return [create(name).random_genotype(rng) for name in ("nasbench201", "darts")]


def _read_genotype(home: Path) -> None:
    genotype = Genotype.from_json(_text(home))
    genotype.to_text()
    create(genotype.space).indices_of(genotype)


def _read_notation(home: Path) -> None:
    for space in ("nasbench201", "darts"):
        with contextlib.suppress(SwarmNASError):
            create(space).parse(_text(home))


def _read_policy(home: Path) -> None:
    policy = load_policy(home / "policy.toml")
    policy.decide(())
    policy.rescaled(epochs=7).to_toml()


STUDY = {
    "suite": "classic",
    "problems": ["sphere", {"name": "rastrigin", "label": "r", "settings": {"rotated": True}}],
    "dims": [2],
    "optimizers": ["cso", {"name": "pso", "label": "p", "population_size": 8}],
    "seeds": 2,
    "budget": 40,
}


def _toml(data: dict[str, object]) -> bytes:
    import tomli_w

    return tomli_w.dumps(data).encode()


def _store(home: Path) -> RunDirectory:
    small = {**STUDY, "suite": None, "problems": ["sphere"]}
    study = bench.Study.from_mapping({k: v for k, v in small.items() if v is not None})
    return bench.run(study, home / "store")


def _stored(name: str) -> list[bytes]:
    with tempfile.TemporaryDirectory() as home:
        return [(_store(Path(home)).path / name).read_bytes()]


def _read_store(home: Path) -> None:
    results = Results.read(home / "store", instances="all")
    results.table("mean")
    for name in results.optimizers:
        for block in results.blocks:
            results.curves(name, block, "error")
            results.curves(name, block, "diversity")
            [run.runtime(1.0) for run in results.runs(name, block)]
    results.failures()


def _signals() -> list[bytes]:
    signals = [
        Signals(phase="warm-up", phase_epochs=n, epoch=n, valid_loss=2.0 / n, skip_count={"c": 1})
        for n in (1, 2, 3)
    ]
    policy = policies.load("g-icso-nas")
    decisions = [policy.decide(signals[:n]) for n in range(4)]
    lines = [
        *({"kind": "decision", "epoch": n, **d.to_json()} for n, d in enumerate(decisions)),
        *({"kind": "epoch", **s.to_json()} for s in signals),
    ]
    return ["".join(json.dumps(line) + "\n" for line in lines).encode()]


def _read_signals(home: Path) -> None:
    for record in RunDirectory.open(home).history():
        with contextlib.suppress(SwarmNASError):
            Signals.from_json(record)
        with contextlib.suppress(SwarmNASError):
            Decision.from_json(record)


def _search() -> list[bytes]:
    policy = documents.parse_toml(policies.load("g-icso-nas").to_toml(), source="policy")
    settings = {"space": "nasbench201", "dataset": "digits", "policy": "g-icso-nas", "seed": 0}
    with tempfile.TemporaryDirectory() as home:
        config = {"search": settings, "policy": policy}
        run = RunDirectory.create(Path(home) / "run", config=config)
        return [(run.path / "config.toml").read_bytes()]


def _search_records() -> list[bytes]:
    records = [json.loads(line) for line in _signals()[0].splitlines()]
    generation = {"points": [[0.5, -1.0]], "parents": [0], "nearest": 0}
    traced = {"alphas": {"cell": [[0.1] * 5] * 6}, "point": [0.0, 1.0], "swarm": [generation]}
    whole = [r | traced if r["kind"] == "epoch" else r for r in records]
    figures = {"trained_epochs": 1, "valid_loss": 0.5, "valid_accuracy": 0.25, "score": 0.5}
    cell = "|none~0|+|none~0|{}~1|+|none~0|none~1|none~2|"
    tried = [cell.format(name) for name in ("none", "skip_connect")]
    whole += [{"kind": "candidate", "epoch": 3, "genotype": one, **figures} for one in tried]
    return ["".join(json.dumps(record) + "\n" for record in whole).encode()]


def _read_search(home: Path) -> None:
    from swarmnas.phases import explain_switches
    from swarmnas.reports import SearchRecords, render_report

    search = SearchRecords(home)
    render_report([search])
    explain_switches(search.policy, search.signals)


def _read_said(home: Path) -> None:
    from swarmnas.reports import SearchRecords

    SearchRecords(home).to_json()


def _search_home(home: Path) -> None:
    (home / "config.toml").write_bytes(_search()[0])
    (home / "history.jsonl").write_bytes(_search_records()[0])


SAID = {"title": "Compared", "rows": [{"name": "found", "accuracy": 0.5, "seeds": 3}]}
EVALUATION = {
    "split": "test", "num_images": 20, "accuracy": 0.5, "interval": [0.4, 0.6], "loss": 1.0,
    "parameters": 300,
}  # fmt: skip


@functools.cache
def _whole_network() -> tuple[object, object]:
    from swarmnas.training import saved

    with tempfile.TemporaryDirectory() as home:
        for name in ("network.json", "network.safetensors"):
            (Path(home) / name).write_bytes(_network(name)()[0])
        return saved.read_saved(home), saved.load_network(home)


def _read_evaluation(home: Path) -> None:
    from swarmnas.training.card import model_card, read_score

    model_card(*_whole_network(), read_score(home), ())


def _network(name: str) -> Callable[[], list[bytes]]:
    def make() -> list[bytes]:
        from swarmnas.training import saved

        cell = create("nasbench201").random_genotype(np.random.default_rng(0))
        built = saved.Built(num_classes=2, in_channels=1, channels=2, cells=1)
        facts = saved.Saved(
            genotype=cell, network=built, dataset="digits", image_size=(8, 8), mean=(0.5,),
            std=(0.5,), class_names=("a", "b"), found={},
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as home:
            saved.save_network(Path(home), saved.build(facts), facts)
            return [(Path(home) / name).read_bytes()]

    return make


def _read_network(home: Path) -> None:
    from swarmnas.training import load_network

    load_network(home)


def _run(home: Path) -> RunDirectory:
    config = {"search": {"seed": 3, "dataset": "digits"}, "text": "x", "list": [1, 2.5, True]}
    run = RunDirectory.create(home / "run", config=config)
    run.append({"n": 1})
    run.save_checkpoint(1, {"w": np.arange(3)}, {"x": [1, np.ones(2)]})
    return run


def _of_run(name: str) -> list[bytes]:
    with tempfile.TemporaryDirectory() as home:
        return [(_run(Path(home)).path / name).read_bytes()]


def _swarm() -> optimizers.Optimizer:
    box = (np.zeros(2), np.ones(2))
    return optimizers.create("icso", bounds=box, population_size=4, seed=0, noisy=True)


def _swarm_states() -> list[bytes]:
    swarm = _swarm()
    positions = swarm.ask()
    swarm.tell(positions, np.arange(len(positions), dtype=float))

    def plain(array: np.ndarray) -> dict[str, object]:
        return {"array": array.tolist(), "dtype": str(array.dtype)}

    return [json.dumps(swarm.state_dict(), default=plain).encode()]


def _with_arrays(value: object) -> object:
    if isinstance(value, dict):
        if set(value) == {"array", "dtype"}:
            with contextlib.suppress(TypeError, ValueError, OverflowError, SyntaxError):
                return np.array(value["array"], value["dtype"])
        return {key: _with_arrays(item) for key, item in value.items()}
    return value


def _read_swarm_state(home: Path) -> None:
    try:
        state = json.loads(_text(home))
    except (ValueError, RecursionError):
        return
    if isinstance(state, dict):
        swarm = _swarm()
        swarm.load_state_dict(_with_arrays(state))
        swarm.ask()


def _gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


TABLE = b"index,arch,c_valid_12,c_test_12,c_params\n0,|a~0|,80.5,81,1000\n1,|b~0|,70,71,2000\n"


def _read_table(name: str) -> Callable[[Path], object]:
    def read(home: Path) -> None:
        table = Table.read(home / name)
        table.lookup(table.archs[0], reveal_test=True)

    return read


def _npz() -> list[bytes]:
    images, labels = np.arange(4 * 5 * 5).reshape(4, 5, 5).astype(np.uint8), np.arange(4) % 2
    found = []
    for save in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        save(stream, x_train=images, y_train=labels, x_test=images, y_test=labels)
        found.append(stream.getvalue())
    return found


def _load_data(where: str) -> Callable[[Path], object]:
    def load(home: Path) -> None:
        from swarmnas import datasets

        dataset = datasets.load(str(home / where))
        dataset.test()

    return load


def _idx(num_dims: int) -> bytes:
    shape = (4, 5, 5)[:num_dims]
    data = np.arange(np.prod(shape)) % 2
    return bytes((0, 0, 8, num_dims)) + np.array(shape, ">u4").tobytes() + bytes(data.tolist())


def _idx_folder(home: Path) -> None:
    for split in ("train", "t10k"):
        (home / f"data/{split}-images-idx3-ubyte").write_bytes(_idx(3))
        (home / f"data/{split}-labels-idx1-ubyte").write_bytes(_idx(1))


def _pictures(kind: str) -> list[bytes]:
    from PIL import Image

    stream = io.BytesIO()
    pixels = np.arange(8 * 8 * 3).reshape(8, 8, 3).astype(np.uint8)
    Image.fromarray(pixels).save(stream, kind)
    return [stream.getvalue()]


def _picture_folder(home: Path) -> None:
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            folder = home / "data" / split / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "1.png").write_bytes(_pictures("PNG")[0])


READERS: dict[str, Reader] = {
    "genotype-json": Reader(
        "text",
        _read_genotype,
        lambda: [json.dumps(genotype.to_json()).encode() for genotype in _genotypes()],
        "json",
    ),
    "genotype-text": Reader(
        "text",
        _read_notation,
        lambda: [genotype.to_text().encode() for genotype in _genotypes()],
    ),
    "search-config": Reader(
        "config.toml",
        lambda home: read_config(home / "config.toml"),
        lambda: [b'space = "darts"\nseed = 3\nlearning_rate = 0.1\ndata_dir = "x"\nthreads = 1\n'],
        "toml",
    ),
    "policy": Reader(
        "policy.toml",
        _read_policy,
        lambda: [
            policies.load(name).to_toml().encode() for name in ("g-icso-nas", "darts-es", "eg-nas")
        ],
        "toml",
    ),
    "study": Reader(
        "study.toml",
        lambda home: bench.Study.read(home / "study.toml"),
        lambda: [_toml(STUDY)],
        "toml",
    ),
    "store-config": Reader(
        "store/config.toml", _read_store, lambda: _stored("config.toml"), "toml",
        prepare=lambda home: (home / "store" / "history.jsonl").write_bytes(
            _stored("history.jsonl")[0]
        ),
    ),
    "store-records": Reader(
        "store/history.jsonl", _read_store, lambda: _stored("history.jsonl"), "jsonl",
        prepare=lambda home: (home / "store" / "config.toml").write_bytes(
            _stored("config.toml")[0]
        ),
    ),
    "run-config": Reader(
        "config.toml",
        RunDirectory.open,
        lambda: _of_run("config.toml"),
        "toml",
    ),
    "signals": Reader(
        "history.jsonl", _read_signals, _signals, "jsonl",
        prepare=lambda home: (home / "config.toml").write_bytes(_of_run("config.toml")[0]),
    ),
    "search-config-of-run": Reader(
        "config.toml", _read_search, _search, "toml",
        prepare=lambda home: (home / "history.jsonl").write_bytes(_search_records()[0]),
    ),
    "search-records": Reader(
        "history.jsonl", _read_search, _search_records, "jsonl",
        prepare=lambda home: (home / "config.toml").write_bytes(_search()[0]),
    ),
    "said-of-search": Reader(
        "comparison.json", _read_said, lambda: [json.dumps(SAID).encode()], "json",
        prepare=_search_home,
    ),
    "evaluation": Reader(
        "evaluation.json", _read_evaluation, lambda: [json.dumps(EVALUATION).encode()], "json",
    ),
    "network": Reader(
        "network.json", _read_network, _network("network.json"), "json",
        prepare=lambda home: (home / "network.safetensors").write_bytes(
            _network("network.safetensors")()[0]
        ),
    ),
    "network-weights": Reader(
        "network.safetensors", _read_network, _network("network.safetensors"),
        prepare=lambda home: (home / "network.json").write_bytes(_network("network.json")()[0]),
    ),
    "protocol": Reader(
        "protocol.toml",
        lambda home: read_protocol(home / "protocol.toml"),
        lambda: [_toml(load_protocol(name).to_mapping()) for name in ("quick", "darts-cifar")],
        "toml",
    ),
    "checkpoint": Reader(
        "step-000001.safetensors",
        lambda home: checkpoint.decode(home / "step-000001.safetensors"),
        lambda: _of_run("checkpoint/step-000001.safetensors"),
    ),
    "swarm-state": Reader("text", _read_swarm_state, _swarm_states, "json"),
    "table": Reader("table.csv", _read_table("table.csv"), lambda: [TABLE]),
    "table-gz": Reader("table.csv.gz", _read_table("table.csv.gz"), lambda: [_gz(TABLE)]),
    "npz": Reader("data.npz", _load_data("data.npz"), _npz),
    "idx-images": Reader(
        "data/train-images-idx3-ubyte", _load_data("data"), lambda: [_idx(3)], prepare=_idx_folder
    ),
    "idx-labels": Reader(
        "data/train-labels-idx1-ubyte", _load_data("data"), lambda: [_idx(1)], prepare=_idx_folder
    ),
    "idx-gz": Reader(
        "data/t10k-images-idx3-ubyte.gz", _load_data("data"), lambda: [_gz(_idx(3))],
        prepare=lambda home: (
            _idx_folder(home), os.unlink(home / "data/t10k-images-idx3-ubyte")
        ),
    ),
    "png": Reader(
        "data/train/cat/1.png", _load_data("data"), lambda: _pictures("PNG"),
        prepare=_picture_folder,
    ),
    "jpeg": Reader(
        "data/train/cat/2.jpg", _load_data("data"), lambda: _pictures("JPEG"),
        prepare=_picture_folder,
    ),
}  # fmt: skip
