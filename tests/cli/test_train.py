"""`swarmnas train`, `evaluate`, `export` and `pareto`, as a user types them."""

import json
import sys
from importlib import import_module

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from swarmnas.errors import SwarmNASError
from swarmnas.training import Protocol, TrainingConfig
from swarmnas_cli import main as cli

RUNNER = CliRunner()
CELL = "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"
SETTINGS = "--epochs 1 --train-images 64 --batch-size 32 --channels 2 --cells 1 --threads 1"
TINY = SETTINGS.split()


def invoke(*words):
    return RUNNER.invoke(cli.app, [str(word) for word in words], catch_exceptions=True)


def error_of(*words):
    result = invoke(*words)
    assert isinstance(result.exception, SwarmNASError), result.output
    return " ".join(str(result.exception).split())


def test_train_evaluate_and_export_follow_each_other(tmp_path, monkeypatch):
    run = tmp_path / "run"
    said = invoke("train", CELL, *TINY, "--valid-share", 0.2, "--out", run)
    assert "epoch 1: train_loss" in said.output
    assert "valid_accuracy" in said.output
    assert f"Next: swarmnas evaluate {run}" in said.output
    again = json.loads(invoke("train", "--resume", run, "--json").output)
    assert again["run"] == str(run)
    report = json.loads(invoke("evaluate", run, "--runs", 2, "--json").output)
    shown = invoke("evaluate", run, "--runs", 2).output
    assert f"{100 * report['accuracy']:.2f} % (95 % interval" in shown
    assert "Label (row) and answer (column)" in shown
    assert "device: unknown name 'gpu'. Did you mean 'cpu'?" in error_of(
        "evaluate", run, "--device", "gpu"
    )
    # Where ONNX is not installed the rest is written all the same; no program here, to be quick.
    monkeypatch.setattr(import_module("swarmnas.training.export"), "possible_formats", list)
    said = invoke("export", run, "--out", tmp_path / "net")
    assert "Without network.onnx: it needs pip install 'swarmnas[onnx]'" in said.output
    assert {file.name for file in (tmp_path / "net").iterdir()} == {
        "README.md", "network.json", "network.safetensors"
    }  # fmt: skip
    # A trained network's directory stands for its genotype.
    second = invoke("train", run, *TINY, "--json", "--out", tmp_path / "second")
    assert json.loads(second.output)["epoch"] == 1


def test_protocols_are_listed_and_every_setting_is_a_flag():
    names = {row["name"] for row in json.loads(invoke("list", "protocols", "--json").output)}
    assert {"quick", "darts-cifar", "darts-imagenet", "nasbench201", "nasbench201-12"} <= names
    train = get_command(cli.app).commands["train"]
    flags = {option for parameter in train.params for option in parameter.opts}
    for name in (*Protocol.model_fields, *TrainingConfig.model_fields):
        assert f"--{name.replace('_', '-')}" in flags


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["DARTS_V2", "--protocol", "nasbench201"], "genotype: expected one whose layout"),
        (["DARTS_V9"], "genotype: unknown name 'DARTS_V9'. Did you mean 'DARTS_V"),
        (["DARTS_V2", "--protocol", "quik"], "Did you mean 'quick'"),
        (["DARTS_V2", "--epochs", 0], "swarmnas train: epochs:"),
        (["DARTS_V2", "--dataset", "digit"], "Did you mean 'digits'"),
        (["DARTS_V2", "--space", "nasbench201"], "space: expected 'darts', that of DARTS_V2; got"),
        ([], "genotype: expected a run, a file, a name or a text; got none"),
        (["DARTS_V2", "--resume", "runs/x"], "--resume: expected no settings beside it"),
    ],
)
def test_what_cannot_work_is_one_line(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert message in error_of("train", *words)
    assert not (tmp_path / "runs").exists()


def test_images_of_several_sizes_need_one_to_be_named(tmp_path):
    for name, side in (("a", 8), ("b", 9)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(6):
            pixels = np.full((side, side, 3), 40 * number, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    words = ["train", CELL, "--dataset", tmp_path / "photos", *TINY, "--batch-size", 4]
    assert "expected images of one size; got 8x8 in" in error_of(*words, "--out", tmp_path / "r")
    said = invoke(*words, "--image-size", 8, "--out", tmp_path / "r")
    assert said.exit_code == 0, said.output


def test_select_and_seeds_belong_together(monkeypatch, capsys):
    for words in (["--seeds", "3"], ["--select"]):
        monkeypatch.setattr(sys, "argv", ["swarmnas", "search", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 2
        assert "--select: expected beside --seeds of 2 or more" in capsys.readouterr().err


def test_pareto_prints_what_a_search_visited(tmp_path):
    small = "--train-images 120 --epochs 5 --channels 2 --batch-size 20 --population-size 6"
    invoke("search", *small.split(), "--threads", 1, "--out", tmp_path / "run")
    rows = json.loads(invoke("pareto", tmp_path / "run", "--images", 20, "--json").output)
    assert rows
    assert any(row["on_front"] for row in rows)
    assert "multiply-adds" in invoke("pareto", tmp_path / "run", "--images", 20).output
