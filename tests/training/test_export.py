"""Handing a network on: files that run where swarmnas is not."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

import swarmnas
from swarmnas.errors import MissingDependencyError, UnknownNameError
from swarmnas.spaces import create
from swarmnas.training import TrainingConfig, export, load_protocol, train
from swarmnas.training.card import model_card
from swarmnas.training.saved import read_saved

CELL = "|nor_conv_1x1~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|none~1|none~2|"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    protocol = load_protocol("quick").with_settings(
        {"epochs": 1, "train_images": 64, "batch_size": 32, "channels": 2}
    )
    out = tmp_path_factory.mktemp("training") / "run"
    origin = {"policy": "by hand"}
    return train(
        create("nasbench201").parse(CELL), TrainingConfig(), protocol, out=out, origin=origin
    ).path


def test_export_loads_back_and_tells_its_story(trained, tmp_path):
    files = export(trained, tmp_path, formats=())
    assert [file.name for file in files] == ["network.json", "network.safetensors", "README.md"]
    images = torch.randn(2, 1, 8, 8)
    with torch.no_grad():
        assert torch.equal(
            swarmnas.load_network(tmp_path)(images), swarmnas.load_network(trained)(images)
        )
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    for words in (CELL, "by hand", "swarmnas.load_network", "1 x 8 x 8"):
        assert words in card


ELSEWHERE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("swarmnas", "swarmnas_cli"):
            raise ImportError(f"{name} is not here")

sys.meta_path.insert(0, Absent())
try:
    import swarmnas
except ImportError:
    pass
else:
    raise SystemExit("swarmnas is here")
import numpy as np
images = np.load("images.npy")
"""


def run_elsewhere(folder, program):
    """Run a program in a fresh process that cannot import swarmnas; return its logits."""
    text = ELSEWHERE + textwrap.dedent(program) + "\nnp.save('logits.npy', logits)\n"
    command = [sys.executable, "-W", "ignore", "-c", text]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return np.load(folder / "logits.npy")


def agree(folder, trained, program):
    images = torch.randn(5, 1, 8, 8)
    np.save(folder / "images.npy", images.numpy())
    with torch.no_grad():
        wanted = swarmnas.load_network(trained)(images).numpy()
    found = run_elsewhere(folder, program)
    return np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()


def test_exported_program_runs_without_swarmnas(trained, tmp_path):
    export(trained, tmp_path, formats=["torch-export"])
    assert agree(
        tmp_path,
        trained,
        """
        import torch
        network = torch.export.load("network.pt2").module()
        logits = network(torch.from_numpy(images)).detach().numpy()
        """,
    )


def test_onnx_runs_without_swarmnas(trained, tmp_path):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    export(trained, tmp_path, formats=["onnx"])
    assert agree(
        tmp_path,
        trained,
        """
        import onnxruntime
        session = onnxruntime.InferenceSession("network.onnx")
        (logits,) = session.run(None, {"images": images})
        """,
    )


def test_missing_packages_and_unknown_formats_are_one_line(trained, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'swarmnas\[onnx\]'"):
        export(trained, tmp_path / "a", formats=["onnx"])
    with pytest.raises(UnknownNameError, match="Did you mean 'onnx'"):
        export(trained, tmp_path / "a", formats=["onx"])


def test_no_text_of_a_network_becomes_markup(trained):
    saved = read_saved(trained).model_copy(update={"dataset": "<script>"})
    card = model_card(saved, swarmnas.load_network(trained), None, ())
    assert "<script>" not in card
    assert "network for &lt;script>" in card
