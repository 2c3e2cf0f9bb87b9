"""What each process of tests/training/test_team.py does, under torchrun."""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from swarmnas.datasets import Batches, ImageSet
from swarmnas.networks.team import ALONE, assemble
from swarmnas.runs import Callback
from swarmnas.spaces import create
from swarmnas.training import Fit, Protocol, TrainingConfig, load_protocol, resume, train

CELL = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"
SMALL = {"epochs": 2, "train_images": 66, "batch_size": 16, "channels": 2, "drop_path": 0.2}


def without_batch_norm(team=ALONE):
    """Return the weights of a small network after two epochs of 19 images, 8 a batch."""
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (19, 1, 4, 4), generator=draw, dtype=torch.uint8)
    batches = Batches(
        ImageSet(images, torch.arange(19) % 3),
        8,
        seed=0,
        mean=(0.5,),
        std=(0.25,),
        augment="crop",
        share=(team.rank, team.size),
    )
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))
    protocol = Protocol(epochs=2, batch_size=8, learning_rate=0.1, gradient_clip=1.0)
    records = []
    Fit(network, protocol, seed=0, team=team).run(batches, on_record=records.append)
    return network.state_dict(), records


class Stop(Callback):
    """Ends the run of every process after its third step, as a power cut does."""

    def on_step(self, progress):
        if progress["step"] == 3:
            raise KeyboardInterrupt


def main(home, job):
    """Do a job; write this process's weights."""
    team, _ = assemble(torch.device("cpu"))

    def keep(name, weights):
        save_file(weights, home / f"{name}{team.rank}.safetensors")

    protocol = load_protocol("quick").with_settings(SMALL)
    config = TrainingConfig(checkpoint_minutes=0)
    cell = create("nasbench201").parse(CELL)
    if job == "stop":
        train(cell, config, protocol, out=home / "stopped", callbacks=[Stop()])
    elif job == "resume":
        resume(home / "stopped")
    else:
        weights, records = without_batch_norm(team)
        losses = [[record["train_loss"], record["train_accuracy"]] for record in records]
        keep("plain", weights | {"losses": torch.tensor(losses)})
        result = train(cell, config, protocol, out=home / "whole")
        parameters = result.network.named_parameters()
        keep("cell", {name: value.detach() for name, value in parameters})


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
