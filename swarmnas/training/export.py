"""Hand a trained network on: weights, programs for torch.export and ONNX, and a model card."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from swarmnas.atomic import replace_file, writing
from swarmnas.checks import explain, one_of, require
from swarmnas.errors import RunError
from swarmnas.training.card import model_card, read_score
from swarmnas.training.saved import load_network, read_saved, save_network

__all__ = ["FORMATS", "export", "possible_formats"]

TOLERANCE = 1e-4
"""Largest difference from the network that a program may show, relative to its largest logit."""


def export(
    run: Path | str, out: Path | str, *, formats: Sequence[str] = ("torch-export", "onnx")
) -> list[Path]:
    """Write a trained network, and programs that need no swarmnas, into a directory.

    Args:
        run: The directory of a finished training.
        out: Where to; made if it is not there. Files of an earlier export are replaced.
        formats: Of the programs: "torch-export" (``network.pt2``) and "onnx" (``network.onnx``).
            Both take any number of images.

    Returns:
        The files: ``network.json``, ``network.safetensors``, the programs, ``README.md``.

    Raises:
        RunError: There is no network, or a program's logits differ by more than 1e-4 of the
            largest.
        DocumentError: The description or the evaluation of the network is torn or altered.
        MissingDependencyError: ONNX is wanted, and its packages are not installed.
    """
    makers = [_MAKERS[one_of("formats", name, _MAKERS)] for name in formats]
    saved, network, score = read_saved(run), load_network(run), read_score(run)
    home = Path(out)
    with writing(home):
        home.mkdir(parents=True, exist_ok=True)
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(2, saved.network.in_channels, *saved.image_size, generator=draw)
    programs = {}
    for name, make in zip(formats, makers, strict=True):
        data, answer = make(network, images)
        for batch in (images[:1], images.repeat(3, 1, 1, 1) + 0.1):
            _compare(name, network, batch, answer(batch))
        programs[FORMATS[name]] = data
    save_network(home, network, saved)
    for name, data in programs.items():
        replace_file(home / name, data)
    card = model_card(saved, network, score, tuple(programs))
    replace_file(home / "README.md", card.encode())
    names = ("network.json", "network.safetensors", *programs, "README.md")
    return [home / name for name in names]


def possible_formats() -> list[str]:
    """Return the formats whose packages are installed here.

    Example:
        >>> "torch-export" in possible_formats()
        True
    """
    missing = any(importlib.util.find_spec(package) is None for package in _ONNX)
    return [name for name in FORMATS if not (name == "onnx" and missing)]


_ONNX = ("onnx", "onnxscript", "onnxruntime")

Program = tuple[bytes, Callable[[Tensor], Tensor]]
"""The content of a file, and what running it makes of images."""


def _torch_export(network: nn.Module, images: Tensor) -> Program:
    with _quiet():
        program = _exported(network, images)
        stream = io.BytesIO()
        torch.export.save(program, stream)
        data = stream.getvalue()
        module = torch.export.load(io.BytesIO(data)).module()
    return data, lambda batch: module(batch)


def _onnx(network: nn.Module, images: Tensor) -> Program:
    for package in _ONNX:
        require(package, extra="onnx", needed_by="export to ONNX")
    import onnxruntime

    with _quiet():
        program: Any = torch.onnx.export(
            _exported(network, images),
            dynamo=True,
            input_names=["images"],
            output_names=["logits"],
            verbose=False,
        )
        stream = io.BytesIO()
        program.save(stream)
    data = stream.getvalue()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return data, lambda batch: torch.from_numpy(session.run(None, {name: batch.numpy()})[0])


_MAKERS = {"torch-export": _torch_export, "onnx": _onnx}
FORMATS = {"torch-export": "network.pt2", "onnx": "network.onnx"}
"""Format -> the file that holds it."""


def _exported(network: nn.Module, images: Tensor) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", min=1, max=1 << 20)
    return torch.export.export(network, (images,), dynamic_shapes=({0: batch},))


def _compare(name: str, network: nn.Module, images: Tensor, answer: Tensor) -> None:
    with torch.no_grad():
        wanted = network(images)
    off = float((answer.detach() - wanted).abs().max() / wanted.abs().max().clamp(min=1e-12))
    if not np.isfinite(off) or off > TOLERANCE:
        raise RunError(
            explain(
                f"export to {name}",
                f"logits that differ by at most {TOLERANCE:g} of the largest",
                f"{off:.2g}",
                "Please report this with the genotype.",
            )
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' remarks on their own insides from the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
