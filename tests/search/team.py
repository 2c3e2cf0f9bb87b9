"""What each process of tests/search/test_team.py does, under torchrun."""

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from swarmnas import search
from swarmnas.networks import Supernet
from swarmnas.networks.team import ALONE, assemble
from swarmnas.phases import load_policy
from swarmnas.rng import seed_sequence
from swarmnas.runs import Callback
from swarmnas.search.drivers import Origin, SwarmDriver, read_alphas
from swarmnas.spaces import Adapter, create

TINY = {
    "dataset": "digits",
    "train_images": 80,
    "epochs": 3,
    "channels": 2,
    "batch_size": 20,
    "population_size": 6,
    "candidates": 3,
}


def swarm_step(team=ALONE):
    """Return the losses' best and the alphas after one generation of seven particles."""
    space = create("nasbench201")
    net = Supernet(space, num_classes=3, channels=4, cells=1, seed=0)
    phase = load_policy("g-icso-nas").with_settings(population_size=7)["exploration"]
    driver = SwarmDriver(
        net,
        Adapter(space),
        phase,
        space.decode_indices,
        origin=Origin(epoch=0, centre=read_alphas(net), spread=None),
        seed=seed_sequence(0),
        team=team,
    )
    draw = torch.Generator().manual_seed(0)
    images, labels = torch.randn(8, 3, 8, 8, generator=draw), torch.arange(8) % 3
    driver.step((images, labels), phase_epochs=0)
    best = torch.tensor([driver.swarm.best_loss])
    return {"best": best, "alphas": torch.tensor(read_alphas(net)["cell"])}


class Stop(Callback):
    """Ends the search in its second epoch."""

    def on_step(self, progress):
        if progress["epoch"] == 2:
            raise KeyboardInterrupt


def main(home, job):
    """Do a job; write what this process came to."""
    team, _ = assemble(torch.device("cpu"))
    config = search.SearchConfig.from_mapping(TINY)
    if job == "stop":
        search.run(config, out=home / "stopped", callbacks=[Stop()])
        return
    if job == "resume":
        search.resume(home / "stopped")
        return
    result = search.run(config, out=home / "whole")
    signals = result.signals
    readings = [signals.valid_loss, signals.train_loss, signals.entropy, signals.seconds]
    mean = torch.tensor([float(team.rank), 5.0]), torch.full((2, 2), 2.0 * team.rank)
    team.average(mean)
    found = {
        "readings": torch.tensor(readings, dtype=torch.float64),
        "mean": torch.cat([part.flatten() for part in mean]),
        "genotype": torch.from_numpy(np.frombuffer(result.genotype.to_text().encode(), np.uint8)),
    }
    save_file(found | swarm_step(team), home / f"found{team.rank}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
