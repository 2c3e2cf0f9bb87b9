"""Every registered policy drives a search to its end, shortened."""

import pytest

from swarmnas import documents, search
from swarmnas.phases import Decision, Policy, Signals, available, simulate
from swarmnas.runs import RunDirectory
from tests.shared_data import shared_file


@pytest.fixture(params=sorted(available()))
def short(request, tiny):
    """Return the configuration of a shortened search by each policy, with its own swarm."""
    return tiny(policy=request.param, population_size=None)


def recorded(path, kind):
    return [record for record in RunDirectory.open(path).history() if record["kind"] == kind]


def own_policy(path):
    return documents.validate(Policy, RunDirectory.open(path).config["policy"], source="config")


def test_it_ends_and_ends_the_same_after_an_interruption(short, story, tmp_path, interrupt):
    whole = search.run(short, out=tmp_path / "whole")
    assert recorded(tmp_path / "whole", "decision")[-1]["stop"]
    with pytest.raises(KeyboardInterrupt):
        search.run(short, out=tmp_path / "broken", callbacks=[interrupt(4, 2)])
    resumed = search.resume(tmp_path / "broken")
    assert story(tmp_path / "broken") == story(tmp_path / "whole")
    assert resumed.genotype == whole.genotype
    # What it recorded holds all that its decisions rest on.
    decisions = [Decision.from_json(r) for r in recorded(tmp_path / "whole", "decision")]
    signals = [Signals.from_json(r) for r in recorded(tmp_path / "whole", "epoch")]
    assert simulate(own_policy(tmp_path / "whole"), signals) == decisions[1:]


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["darts", "g-icso-nas"])
def test_it_searches_colour_images(tmp_path, policy):
    settings = {
        "dataset": str(shared_file("cifar10.npz")),
        "policy": policy,
        "image_size": 16,
        "train_images": 1000,
        "epochs": 5,
        "threads": 1,
    }
    result = search.run(search.SearchConfig.from_mapping(settings), out=tmp_path / "run")
    assert result.signals.valid_accuracy > 0.15  # chance is 0.1; seen: 0.2 and more
