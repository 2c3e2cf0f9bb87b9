"""A search, a training and a bench, each small: whole runs for tests to copy, spoil or stop."""

from swarmnas.runs import RunDirectory

SEARCH = {
    "train_images": 80, "epochs": 4, "channels": 2, "batch_size": 20, "population_size": 4,
    "threads": 1,
}  # fmt: skip
TRAINING = {"train_images": 60, "epochs": 2, "channels": 2, "batch_size": 20}
STUDY = {"problems": ["sphere"], "dims": [2], "optimizers": ["cso"], "seeds": 2, "budget": 40}
CELL = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"


def searched(path, callbacks=()):
    """Search, into ``path``."""
    from swarmnas import search

    search.run(search.SearchConfig.from_mapping(SEARCH), out=path, callbacks=callbacks)
    return path


def trained(path, callbacks=()):
    """Train CELL, into ``path``."""
    from swarmnas import training
    from swarmnas.spaces import create

    training.train(
        create("nasbench201").parse(CELL),
        training.TrainingConfig.from_mapping({"threads": 1}),
        training.load_protocol("quick").with_settings(TRAINING),
        out=path,
        callbacks=callbacks,
    )
    return path


def benched(path):
    """Run STUDY, into ``path``."""
    from swarmnas import bench

    bench.run(bench.Study.from_mapping(STUDY), path)
    return path


def outcome(path):
    """Return all that a run says, but for clocks."""
    records = RunDirectory.open(path).history()
    for record in records:
        record.pop("timing", None)
    return records, {
        file.name: file.read_bytes()
        for file in path.iterdir()
        if file.suffix in (".json", ".safetensors")
    }


def short_of_memory(monkeypatch, network, *, most):
    """Let a class of networks run out of memory where it learns from more images than ``most``."""
    import torch

    forward = network.forward

    def narrow(self, images, **settings):
        if len(images) > most and torch.is_grad_enabled():
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, images, **settings)

    monkeypatch.setattr(network, "forward", narrow)
