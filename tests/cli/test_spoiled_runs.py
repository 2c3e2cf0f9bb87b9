"""Run directories that somebody spoiled: each command answers in one line, and harms nothing."""

import json
import os
import shutil

import numpy as np
import pytest
import tomli_w
from typer.testing import CliRunner

from swarmnas.errors import SwarmNASError
from swarmnas.runs import RunDirectory, checkpoint
from swarmnas_cli.main import app
from tests.small_runs import CELL, STUDY, benched, searched, trained

pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore::swarmnas.errors.SwarmNASWarning")

CELLS = ["|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|", CELL]
COMMANDS = {
    "doctor": "doctor RUN",
    "report": "report RUN",
    "explain": "explain RUN",
    "pareto": "pareto RUN --images 8",
    "probe": "probe RUN --table TABLE --images 8",
    "resume": "search --resume RUN",
    "train": "train RUN --protocol quick --epochs 1 --out OUT",
    "compare": "compare RUN --random 1 --epochs 1",
    "watch": "watch RUN --every 0.1",
    "resume training": "train --resume RUN",
    "evaluate": "evaluate RUN",
    "export": "export RUN --out OUT --format torch-export",
    "resume bench": "bench run STUDY --out RUN",
    "report bench": "bench report RUN --out OUT",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    home = tmp_path_factory.mktemp("whole")
    searched(home / "search")
    trained(home / "training")
    benched(home / "bench")
    return home


@pytest.fixture
def run(whole, tmp_path, request):
    kind = getattr(request, "param", "search")
    return shutil.copytree(whole / kind, tmp_path / "run")


def answer(command, run):
    """Run a command; return all that it says, which must be no traceback."""
    files = {"OUT": "out", "STUDY": "study.toml", "TABLE": "table.csv"}
    places = {"RUN": run, **{word: run.parent / name for word, name in files.items()}}
    rows = "".join(f"{cell},{n}\n" for n, cell in enumerate(CELLS))
    places["TABLE"].write_text(f"arch,c_valid_1\n{rows}")
    places["STUDY"].write_text(tomli_w.dumps(STUDY))
    words = [str(places.get(word, word)) for word in COMMANDS[command].split()]
    result = CliRunner().invoke(app, words)
    if isinstance(result.exception, SwarmNASError):
        return " ".join(str(result.exception).split())
    assert isinstance(result.exception, SystemExit | None), repr(result.exception)
    return f"exit {result.exit_code}: {result.output}"


def edit(name, old, new):
    def spoil(run):
        text = (run / name).read_text()
        assert old in text
        (run / name).write_text(text.replace(old, new))

    return spoil


def records(of, **values):
    def spoil(run):
        path = run / "history.jsonl"
        found = [json.loads(line) for line in path.read_text().splitlines()]
        changed = [{**r, **values} if r["kind"] == of else r for r in found]
        path.write_text("".join(json.dumps(record) + "\n" for record in changed))

    return spoil


def first_line_torn(run):
    path = run / "history.jsonl"
    path.write_bytes(path.read_bytes()[40:])


def epochs_exchanged(run):
    first, last = sorted((run / "checkpoint").iterdir())[-2:]
    contents = first.read_bytes(), last.read_bytes()
    last.write_bytes(contents[0])
    first.write_bytes(contents[1])


def history_doubled(run):
    path = run / "history.jsonl"
    path.write_bytes(path.read_bytes() * 2)


def checkpoints_lost(run):
    shutil.rmtree(run / "checkpoint")


def checkpoint_is_a_file(run):
    shutil.rmtree(run / "checkpoint")
    (run / "checkpoint").write_text("x")


def a_word_of_20_mb(run):
    with (run / "config.toml").open("a") as stream:
        stream.write('\n[x]\ny = "' + "z" * 20_000_000 + '"\n')


def another_network(run):
    """A checkpoint whose checksum is right, of a network of another size."""
    directory = RunDirectory.open(run)
    (step, path) = max(directory.checkpoints().items())
    state = directory.load_checkpoint(step).state
    path.write_bytes(checkpoint.encode(checkpoint.Checkpoint(step, {"w": np.ones(3)}, state)))


def weights_torn(run):
    path = run / "network.safetensors"
    path.write_bytes(path.read_bytes()[:-8])


def network_lost(run):
    (run / "network.json").unlink()


def evaluation_of_words(run):
    score = {"split": "test", "num_images": 9, "accuracy": "x", "interval": [0, 1]}
    (run / "evaluation.json").write_text(json.dumps(score))


def of_format_7(name, old):
    return edit(name, old, old.replace("1", "7"))


CONFIG, NETWORK = "config.toml", "network.json"
SEARCH = {
    "first line torn": (first_line_torn, {
        "doctor": "exit 1: ", "report": "expected a JSON object", "explain": "line 1",
        "resume": "line 1", "pareto": "line 1", "watch": "line 1",
    }),
    "epochs exchanged": (epochs_exchanged, {
        "doctor": "The file was renamed", "resume": "got 2 that are torn or altered",
        "pareto": "The file was renamed", "probe": "The file was renamed",
    }),
    "history doubled": (history_doubled, {"doctor": "WRONG history.jsonl"}),
    "checkpoints lost": (checkpoints_lost, {
        "doctor": "the run would begin anew", "pareto": "a checkpoint or more", "probe": "none",
    }),
    "checkpoint is a file": (checkpoint_is_a_file, {
        "doctor": "Not a directory", "resume": "Not a directory",
    }),
    "another network": (another_network, {
        "resume": "the state of this search", "pareto": "the state of this search",
        "probe": "the state of this search",
    }),
    "genotype cut": (edit("genotype.json", "}", ""), {
        "doctor": "WRONG genotype.json", "report": "syntax error", "train": "syntax error",
        "compare": "syntax error",
    }),
    "operation of a genotype": (edit("genotype.json", '"cell": [["', '"cell": [["../'), {
        "doctor": "WRONG genotype.json", "train": "got '../", "compare": "got '../",
    }),
    "a word of 20 MB": (a_word_of_20_mb, {
        "doctor": "at most 16,777,216 bytes", "resume": "at most 16,777,216 bytes",
    }),
    "a billion channels": (edit(CONFIG, "channels = 2", "channels = 1000000000"), {
        "doctor": "channels: Input should be less", "resume": "channels: Input should be less",
        "pareto": "channels: Input should be less", "probe": "channels: Input should be less",
    }),
    "data set is a device": (edit(CONFIG, 'dataset = "digits"', 'dataset = "/dev/zero"'), {
        "resume": "got neither at this path", "pareto": "got neither at this path",
        "compare": "got neither at this path",
    }),
    "space is a path": (edit(CONFIG, 'space = "nasbench201"', 'space = "../../x"'), {
        "resume": "unknown name '../../x'", "pareto": "unknown name '../../x'",
    }),
    "settings are a word": (edit(CONFIG, "[search]", 'search = "x"\n[other]'), {
        "doctor": "got one with the settings", "report": "expected the run of a search",
        "resume": "expected the run of a search", "pareto": "expected the run of a search",
        "watch": "expected the run of a search",
    }),
    "alphas in rows of two lengths": (records("epoch", alphas={"cell": [[1.0], [1.0, 2.0]]}), {
        "doctor": "rows of one length", "report": "rows of one length",
        "explain": "rows of one length", "watch": "rows of one length",
    }),
    "alphas without rows": (records("epoch", alphas={"cell": []}), {
        "report": "rows of one length",
    }),
    "alphas are no numbers": (records("epoch", alphas={"cell": [["nan"]]}), {
        "report": "a finite number",
    }),
    "genotypes are lists": (records("epoch", genotype=[1]), {
        "doctor": "genotype: Input should be a valid string", "pareto": "genotype: ",
        "resume": "genotype: ", "explain": "genotype: ",
    }),
    "kinds are lists": (records("epoch", kind=[1]), {
        "explain": "expected an epoch on record", "pareto": "with an epoch on record",
    }),
    "reasons are lists": (records("decision", reason=[1]), {
        "doctor": "reason: Input should be", "report": "reason: ", "explain": "reason: ",
        "resume": "reason: ", "watch": "reason: ",
    }),
    "verdicts of nobody": (records("decision", verdicts=[{"trigger": "x"}]), {
        "doctor": "fired: Field required", "explain": "fired: Field required",
    }),
    "format 7": (of_format_7(CONFIG, "format = 1"), dict.fromkeys(
        ("doctor", "resume", "report", "explain"), "format 1; got format 7, written by swarmnas 0.",
    )),
}  # fmt: skip
TRAINING = {
    "first line torn": (first_line_torn, {"doctor": "exit 1: ", "resume training": "line 1"}),
    "epochs exchanged": (epochs_exchanged, {
        "doctor": "The file was renamed", "resume training": "got 2 that are torn or altered",
    }),
    "checkpoint is a file": (checkpoint_is_a_file, {"resume training": "Not a directory"}),
    "another network's checkpoint": (another_network, {
        "resume training": "the state of this training",
    }),
    "another genotype": (edit(CONFIG, "skip_connect", "nor_conv_1x1"), {
        "resume training": "expected one of the genotype",
    }),
    "no genotype": (edit(CONFIG, "[genotype]", "[other]"), {
        "doctor": "WRONG config.toml", "resume training": "genotype: expected an object",
    }),
    "a billion channels": (edit(CONFIG, "channels = 2", "channels = 1000000000"), {
        "resume training": "channels: Input should be less",
    }),
    "description cut": (edit(NETWORK, "}", ""), dict.fromkeys(
        ("evaluate", "export", "doctor"), "syntax error",
    )),
    "description lost": (network_lost, dict.fromkeys(
        ("evaluate", "export"), "goes on with: swarmnas train --resume",
    )),
    "description of a larger network": (edit(NETWORK, '"channels": 2', '"channels": 90000'),
        dict.fromkeys(("evaluate", "export"), "The weights are another network's"),
    ),
    "weights torn": (weights_torn, dict.fromkeys(
        ("evaluate", "export", "doctor"), "expected the weights of a network",
    )),
    "evaluation is a word": (evaluation_of_words, {
        "export": "evaluation.json: accuracy: Input should be a valid number",
    }),
    "data set is a device": (edit(NETWORK, '"dataset": "digits"', '"dataset": "/dev/zero"'), {
        "evaluate": "got neither at this path",
    }),
    "format 7": (of_format_7(CONFIG, "format = 1"), dict.fromkeys(
        ("resume training", "doctor"), "format 1; got format 7, written by swarmnas 0.",
    )),
    "network of format 7": (of_format_7(NETWORK, '"format": 1'), dict.fromkeys(
        ("evaluate", "export", "doctor"), "network.json: expected format 1; got 7",
    )),
}  # fmt: skip
BENCH = {
    "first line torn": (first_line_torn, dict.fromkeys(("resume bench", "report bench"), "line 1")),
    "history doubled": (history_doubled, dict.fromkeys(
        ("resume bench", "report bench"), "expected the only record of a unit of the study",
    )),
    "another study": (edit(CONFIG, "budget = 40", "budget = 41"), {
        "resume bench": "study, budget: expected 40 as in the study given; got 41",
    }),
    "other versions": (edit(CONFIG, "[versions]", '[versions]\nelse = "1"'), {
        "resume bench": "versions, else: expected nothing",
    }),
    "evaluations are a word": (records("unit", evaluations="many"), dict.fromkeys(
        ("resume bench", "report bench"), "evaluations",
    )),
    "no study": (edit(CONFIG, "[study]", "[other]"), dict.fromkeys(
        ("resume bench", "report bench"), "store of the bench",
    )),
    "format 7": (of_format_7(CONFIG, "format = 1"), dict.fromkeys(
        ("resume bench", "report bench"), "format 1; got format 7, written by swarmnas 0.",
    )),
}  # fmt: skip
SPOILED = {"search": SEARCH, "training": TRAINING, "bench": BENCH}


@pytest.mark.parametrize(
    ("run", "spoil", "command", "says"),
    [
        pytest.param(kind, spoil, command, says, id=f"{kind}: {name}, {command}")
        for kind, table in SPOILED.items()
        for name, (spoil, answers) in table.items()
        for command, says in answers.items()
    ],
    indirect=["run"],
)
def test_a_spoiled_run_is_answered_in_one_line(run, spoil, command, says):
    spoil(run)
    assert says in answer(command, run)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
@pytest.mark.parametrize("name", ["history.jsonl", ".lock", ".report.html.tmp", "genotype.json"])
def test_no_command_writes_through_a_link(run, tmp_path, name):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(precious)
    for command in ("doctor", "report", "resume", "pareto"):
        assert f"{name}: expected a file or a directory; got a link" in answer(command, run)
    assert precious.read_text() == "mine"
