"""The model card: what a network is, how it came to be, and how to use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from swarmnas import documents
from swarmnas.training.saved import Saved

__all__ = ["Score", "model_card", "read_score"]

_HOW = {
    "network.pt2": """```python
import torch

network = torch.export.load("network.pt2").module()
logits = network(images)
```""",
    "network.onnx": """```python
import onnxruntime

session = onnxruntime.InferenceSession("network.onnx")
(logits,) = session.run(None, {"images": images})  # a float32 NumPy array
```""",
}


class Score(BaseModel):
    """What the card says of an evaluation, out of ``evaluation.json``."""

    model_config = ConfigDict(extra="ignore")

    split: str
    num_images: int
    accuracy: float = Field(allow_inf_nan=False)
    interval: tuple[float, float]


def read_score(path: Path | str) -> Score | None:
    """Return what ``swarmnas evaluate`` left in a directory; None if it was not asked.

    Raises:
        DocumentError: The file is torn or altered.
    """
    source = Path(path) / "evaluation.json"
    if not source.is_file():
        return None
    found = documents.parse_json(documents.read_text(source), source=str(source))
    return documents.validate(Score, found, source=str(source))


def model_card(
    saved: Saved, network: nn.Module, score: Score | None, programs: Sequence[str]
) -> str:
    """Return the card as Markdown.

    Args:
        saved: What is known of the network.
        network: The network.
        score: What ``swarmnas evaluate`` wrote of it; None if it was not asked.
        programs: The files beside the card that hold programs.
    """
    height, width = saved.image_size
    parameters = sum(weights.numel() for weights in network.parameters())
    lines = [
        f"# A {saved.genotype.space} network for {saved.dataset}",
        "",
        f"- Classes: {saved.network.num_classes} ({_some(saved.class_names)})",
        f"- Images: {saved.network.in_channels} x {height} x {width}, on the scale 0 to 1, minus "
        f"{_numbers(saved.mean)}, divided by {_numbers(saved.std)} (one figure a channel)",
        f"- Parameters: {parameters:,}",
        f"- Cells: {saved.network.cells}, channels: {saved.network.channels}",
    ]
    if score is not None:
        low, high = score.interval
        lines.append(
            f"- Accuracy on {score.num_images:,} {score.split} images: "
            f"{100 * score.accuracy:.2f} % (95 % interval {100 * low:.2f} to {100 * high:.2f})"
        )
    lines += ["", "## The architecture", "", "```text", saved.genotype.to_text(), "```", ""]
    lines += ["## How it came to be", ""]
    lines += [f"- {name}: {value}" for name, value in _flat(saved.found)]
    lines += ["", "## How to use it", "", "With swarmnas, as a plain `torch.nn.Module`:", ""]
    lines += ["```python", "import swarmnas", "", 'network = swarmnas.load_network(".")', "```", ""]
    for program in programs:
        lines += [f"Without swarmnas, from `{program}`:", "", _HOW[program], ""]
    return "\n".join(lines).replace("<", "&lt;")  # no text of a run becomes markup


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")


def _numbers(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ")"


def _flat(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, item in value.items():
        if isinstance(item, Mapping):
            rows += _flat(item, f"{prefix}{key}.")
        elif not isinstance(item, list):
            rows.append((f"{prefix}{key}".replace("_", " "), item))
    return rows
