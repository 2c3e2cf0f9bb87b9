"""A trained network on disk: weights as safetensors, and what rebuilds it as JSON; no pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from swarmnas import documents
from swarmnas.atomic import replace_file
from swarmnas.checks import explain
from swarmnas.errors import RunError
from swarmnas.networks import Network
from swarmnas.spaces import Genotype, create

__all__ = ["Built", "Saved", "load_network", "read_saved", "save_network"]

_FACTS, _WEIGHTS = "network.json", "network.safetensors"
FORMAT = 1


class Built(BaseModel):
    """What a network is built with, beside its genotype."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    num_classes: int = Field(ge=1, le=10**5)
    in_channels: int = Field(ge=1, le=10**5)
    channels: int = Field(ge=1, le=10**5)
    cells: int = Field(ge=1, le=1000)
    large_images: bool = False


def _genotype(value: Any) -> Genotype:
    return value if isinstance(value, Genotype) else Genotype.from_json(value)


class Saved(BaseModel):
    """What is known of a trained network beside its weights: the content of ``network.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    genotype: Annotated[
        Genotype, BeforeValidator(_genotype), PlainSerializer(lambda genotype: genotype.to_json())
    ] = Field(description="Its architecture.")
    network: Built = Field(description="What else it is built with.")
    dataset: str = Field(description="What it was trained on.")
    image_size: tuple[int, int] = Field(
        description="Height and width of the images that it was trained on."
    )
    mean: tuple[float, ...] = Field(
        description="Of each channel, on the scale 0 to 1; to be subtracted."
    )
    std: tuple[float, ...] = Field(
        description="Of each channel, on the scale 0 to 1; to be divided by."
    )
    class_names: tuple[str, ...] = Field(description="One name a class.")
    found: dict[str, Any] = Field(description="How it came to be: protocol, seed, records.")


def save_network(path: Path, network: nn.Module, saved: Saved) -> None:
    """Write the two files of a network into a directory; an auxiliary head is left out.

    Raises:
        RunError: The disk refused.
    """
    facts = {"format": FORMAT, "text": saved.genotype.to_text(), **saved.model_dump()}
    tensors = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in network.state_dict().items()
        if not name.startswith("auxiliary.")
    }
    replace_file(path / _WEIGHTS, save_tensors(tensors))
    replace_file(path / _FACTS, (documents.dump_json(facts) + "\n").encode())


def read_saved(path: Path | str) -> Saved:
    """Return what is known of the network in a directory.

    Raises:
        RunError: There is none, or its description is of another format.
        DocumentError: Its description is torn or altered.
    """
    source = Path(path) / _FACTS
    if not source.is_file():
        raise RunError(
            explain(
                str(path),
                "the directory of a finished training or of an export",
                f"one without {_FACTS}",
                f"Train a search's cell first: swarmnas train {path}. A training that was "
                f"interrupted goes on with: swarmnas train --resume {path}.",
            )
        )
    facts = documents.parse_json(documents.read_text(source), source=str(source))
    number = facts.pop("format", None) if isinstance(facts, dict) else None
    if number != FORMAT:
        raise RunError(explain(str(source), f"format {FORMAT}", number, "Use a newer swarmnas."))
    facts.pop("text", None)  # for people
    return documents.validate(Saved, facts, source=str(source))


def load_network(path: Path | str) -> nn.Module:
    """Return a trained network, on the CPU and in evaluation mode.

    Args:
        path: A directory that ``swarmnas train`` or ``swarmnas export`` wrote.

    Returns:
        A plain module that maps normalised images ``(n, channels, height, width)`` to logits.

    Raises:
        RunError: There is no network, or its weights are torn or of another genotype.
    """
    saved = read_saved(path)
    weights = Path(path) / _WEIGHTS
    try:
        if not weights.is_file():  # a device would be read without end
            raise ValueError("none")
        tensors = load_tensors(weights.read_bytes())
    except (OSError, SafetensorError, ValueError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else cause
        raise RunError(
            explain(str(weights), "the weights of a network", reason, "Restore the file.")
        ) from cause
    with torch.device("meta"):  # no larger a network is built than the file has weights for
        _refuse_others(build(saved), tensors, str(weights))
    network = build(saved)
    network.load_state_dict(tensors)
    return network.eval()


def build(saved: Saved) -> Network:
    """Return the network, its weights not yet set."""
    return Network(
        create(saved.genotype.space), saved.genotype, seed=0, **saved.network.model_dump()
    )


def _refuse_others(network: nn.Module, tensors: dict[str, torch.Tensor], source: str) -> None:
    """Refuse weights whose names or shapes are those of another network."""
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if wanted != found:
        odd = sorted(wanted.items() ^ found.items())[0][0]
        raise RunError(
            explain(
                source,
                f"the weights of this genotype, {odd} of shape {wanted.get(odd, 'absent')}",
                f"shape {found.get(odd, 'absent')}",
                "The weights are another network's: keep the files of a run together.",
            )
        )
