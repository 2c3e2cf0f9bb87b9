"""A training from genotype to run directory, and its exact resume."""

import json
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

from swarmnas.errors import DataError, RunError, SettingError
from swarmnas.runs import RunDirectory
from swarmnas.spaces import create, named_genotype
from swarmnas.training import (
    TrainingConfig,
    load_network,
    load_protocol,
    read_saved,
    resume,
    train,
)

SPACE = create("nasbench201")
CELL = SPACE.parse(
    "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"
)
SMALL = {"epochs": 3, "train_images": 96, "batch_size": 32, "channels": 2}
RICH = {"drop_path": 0.4, "auxiliary": 0.4, "average": 0.9, "cutout": 4, "label_smoothing": 0.1}


def protocol(**settings):
    return load_protocol("quick").with_settings(SMALL | settings)


def weights(path):
    return load_file(path / "network.safetensors")


def equal(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[n], other[n]) for n in one)


class Stop(Exception):
    pass


class StopAfter:
    """A callback that ends a run after so many steps."""

    def __init__(self, steps):
        self.left = steps

    def __getattr__(self, name):
        return lambda *_: None

    def on_step(self, progress):
        self.left -= 1
        if not self.left:
            raise Stop


@pytest.mark.parametrize("minutes", [0.0, 10.0], ids=["every step", "every epoch"])
@pytest.mark.parametrize("settings", [{}, RICH], ids=["plain", "rich"])
def test_stopped_anywhere_and_resumed_ends_as_without(tmp_path, minutes, settings):
    config = TrainingConfig(checkpoint_minutes=minutes, seed=3)
    whole = train(CELL, config, protocol(**settings), out=tmp_path / "whole")
    for steps in (1, 4, 9):  # in the first epoch, in the second, after the last step
        path = tmp_path / str(steps)
        with pytest.raises(Stop):
            train(CELL, config, protocol(**settings), out=path, callbacks=[StopAfter(steps)])
        resume(path)
        assert equal(weights(path), weights(whole.path))
        histories = [RunDirectory.open(p).history() for p in (path, whole.path)]
        for history in histories:
            for record in history:
                del record["timing"]
        assert histories[0] == histories[1]


def test_killed_in_mid_epoch_and_resumed_ends_with_the_same_bits(tmp_path):
    program = textwrap.dedent(
        """
        import sys
        from swarmnas.runs import Callback
        from swarmnas.spaces import read_genotype
        from swarmnas.training import TrainingConfig, load_protocol, train

        class Told(Callback):
            def on_step(self, progress):
                print(progress["epoch"], progress["step"], flush=True)

        train(
            read_genotype(sys.argv[1]),
            TrainingConfig(threads=1, checkpoint_minutes=0),
            load_protocol("quick").with_settings({settings}),
            out=sys.argv[2],
            callbacks=[Told()],
        )
        """
    ).replace("{settings}", repr(SMALL | RICH))
    killed = tmp_path / "killed"
    command = [sys.executable, "-c", program, CELL.to_text(), str(killed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line == "2 2\n":
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    assert not (killed / "network.safetensors").exists()
    checkpoint = RunDirectory.open(killed).load_checkpoint()
    assert checkpoint.state["fit"]["step"] > 0  # in mid-epoch
    threads = torch.get_num_threads()
    try:
        resume(killed)
        config = TrainingConfig(threads=1)
        whole = train(CELL, config, protocol(**RICH), out=tmp_path / "whole")
    finally:
        torch.set_num_threads(threads)
    assert equal(weights(killed), weights(whole.path))


def test_network_loads_as_it_was_trained(tmp_path):
    result = train(CELL, TrainingConfig(), protocol(auxiliary=0.4, epochs=1), out=tmp_path / "run")
    network = load_network(result.path)
    images = torch.randn(3, 1, 8, 8)
    assert not network.training
    assert torch.equal(network(images), result.network.eval()(images))
    saved = read_saved(result.path)
    assert saved.genotype == CELL
    assert saved.network.num_classes == 10 == len(saved.class_names)
    assert saved.image_size == (8, 8)


@pytest.mark.parametrize(("side", "large"), [(16, False), (96, True)])
def test_images_decide_classes_channels_and_stem(tmp_path, side, large):
    rng = np.random.default_rng(0)
    for number in range(15):  # a folder of photographs of several sizes, as ImageNet is one
        home = tmp_path / "photos" / f"class{number % 3}"
        home.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (20 + number, 30, 3), np.uint8)
        Image.fromarray(pixels).save(home / f"{number}.png")
    small = {"image_size": side, "epochs": 1, "batch_size": 4, "cells": 3, "channels": 2}
    how = load_protocol("darts-imagenet").with_settings(small)
    config = TrainingConfig(dataset=str(tmp_path / "photos"))
    result = train(named_genotype("DARTS_V2"), config, how, out=tmp_path / "run")
    built = read_saved(result.path).network
    assert (built.num_classes, built.in_channels, built.large_images) == (3, 3, large)
    assert load_network(result.path)(torch.zeros(1, 3, side, side)).shape == (1, 3)


def test_what_cannot_work_is_refused_before_anything_is_written(tmp_path):
    out = tmp_path / "run"
    with pytest.raises(SettingError, match="layout the protocol trains"):
        train(named_genotype("DARTS_V2"), TrainingConfig(), load_protocol("nasbench201"), out=out)
    with pytest.raises(DataError, match="training images: expected at least one batch of 200"):
        train(CELL, TrainingConfig(), protocol(batch_size=200), out=out)
    assert not out.exists()


def test_files_of_another_genotype_are_refused(tmp_path):
    train(CELL, TrainingConfig(), protocol(epochs=1), out=tmp_path / "a")
    other = SPACE.parse(CELL.to_text().replace("nor_conv_3x3", "nor_conv_1x1"))
    train(other, TrainingConfig(), protocol(epochs=1), out=tmp_path / "b")
    name = "network.safetensors"
    (tmp_path / "a" / name).write_bytes((tmp_path / "b" / name).read_bytes())
    with pytest.raises(RunError, match=r"expected the weights of this genotype.*another network's"):
        load_network(tmp_path / "a")
    (tmp_path / "a" / name).write_bytes(b"torn")
    with pytest.raises(RunError, match="expected the weights of a network"):
        load_network(tmp_path / "a")
    steps = "checkpoint/step-000003.safetensors"
    (tmp_path / "a" / steps).write_bytes((tmp_path / "b" / steps).read_bytes())
    (tmp_path / "a" / "checkpoint" / "step-000003.safetensors").touch()
    with pytest.raises(RunError, match=r"checkpoint of step 3: expected one of the genotype"):
        resume(tmp_path / "a")


def test_a_directory_without_a_network_is_refused(tmp_path):
    with pytest.raises(RunError, match="expected the directory of a finished training"):
        load_network(tmp_path)
    RunDirectory.create(tmp_path / "other", config={"search": {}})
    with pytest.raises(RunError, match="expected the run of a training; got one without the table"):
        resume(tmp_path / "other")


def test_configuration_is_kept_as_plain_text(tmp_path):
    result = train(CELL, TrainingConfig(seed=5), protocol(epochs=1), out=tmp_path / "run")
    config = RunDirectory.open(result.path).config
    assert config["training"]["seed"] == 5
    assert config["protocol"]["channels"] == 2
    assert json.loads(config["genotype"]["json"]) == CELL.to_json()
