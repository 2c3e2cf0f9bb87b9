"""The search loop: its course, its reproducibility, its hand-overs, what it refuses."""

import errno
import json
import os

import pytest
import torch

from swarmnas import datasets, search
from swarmnas.errors import (
    DataError,
    DeviceError,
    DivergenceError,
    DocumentError,
    RunError,
    SettingError,
    UnknownNameError,
)
from swarmnas.networks import Supernet
from swarmnas.runs import Callback, RunDirectory
from swarmnas.spaces import Genotype
from tests.small_runs import short_of_memory


class Log(Callback):
    def __init__(self):
        self.events = []

    def on_start(self, config):
        self.events.append(("start", config["search"]["space"]))

    def on_step(self, progress):
        self.events.append(("step", progress["epoch"]))

    def on_record(self, record):
        self.events.append((record["kind"], record["epoch"]))

    def on_end(self, result):
        self.events.append(("end", result["text"]))


def test_three_phases_end_in_a_genotype(tiny, story, tmp_path):
    log = Log()
    result = search.run(tiny(), out=tmp_path / "run", callbacks=[log])
    names = [phase.name for phase in result.phases]
    assert names == ["warm-up", "exploration", "stability"]
    assert [phase.first_epoch for phase in result.phases[1:]] == [
        phase.last_epoch + 1 for phase in result.phases[:-1]
    ]
    records = story(tmp_path / "run")
    decisions = [record for record in records if record["kind"] == "decision"]
    epochs = [record for record in records if record["kind"] == "epoch"]
    assert all(record["reason"] for record in decisions)
    assert len(decisions) == len(epochs) + 1
    assert decisions[-1]["stop"]
    found = json.loads((tmp_path / "run" / "genotype.json").read_text(encoding="utf-8"))
    assert Genotype.from_json(found["genotype"]) == result.genotype
    assert log.events[0] == ("start", "nasbench201")
    assert log.events[-1] == ("end", result.genotype.to_text())
    assert ("step", 1) in log.events
    assert {path.name for path in (tmp_path / "run").iterdir()} <= {
        "config.toml", "history.jsonl", "checkpoint", "genotype.json", ".lock",
    }  # fmt: skip


def test_alphas_rest_in_warm_up_and_a_swarm_counts_evaluations(tiny, story, tmp_path):
    search.run(tiny(), out=tmp_path / "run")
    epochs = [record for record in story(tmp_path / "run") if record["kind"] == "epoch"]
    by_phase = {
        name: [e for e in epochs if e["phase"] == name]
        for name in ("warm-up", "exploration", "stability")
    }
    assert len({e["entropy"] for e in by_phase["warm-up"]}) == 1
    assert {e["evaluations"] for e in by_phase["warm-up"]} == {0}
    assert by_phase["exploration"][-1]["evaluations"] >= 6
    assert all("diversity" in e for e in by_phase["exploration"])
    assert all("diversity" not in e for e in by_phase["warm-up"] + by_phase["stability"])
    assert by_phase["stability"][-1]["entropy"] != by_phase["exploration"][-1]["entropy"]


def test_same_seed_same_history_another_seed_another(tiny, story, tmp_path):
    results = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        results[name] = search.run(tiny(seed=seed), out=tmp_path / name)
    assert story(tmp_path / "a") == story(tmp_path / "b")
    assert results["a"].genotype == results["b"].genotype
    assert story(tmp_path / "a") != story(tmp_path / "c")


@pytest.mark.parametrize(("epoch", "step"), [(1, 1), (2, 3), (3, 2), (5, 1)])
def test_interrupted_and_resumed_ends_the_same(tiny, story, tmp_path, interrupt, epoch, step):
    whole = search.run(tiny(), out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        search.run(tiny(), out=tmp_path / "broken", callbacks=[interrupt(epoch, step)])
    resumed = search.resume(tmp_path / "broken")
    assert story(tmp_path / "broken") == story(tmp_path / "whole")
    assert resumed.genotype == whole.genotype
    assert resumed.phases == whole.phases


def test_resuming_a_finished_run_ends_again(tiny, story, tmp_path):
    first = search.run(tiny(), out=tmp_path / "run")
    before = story(tmp_path / "run")
    again = search.resume(tmp_path / "run")
    assert again.genotype == first.genotype
    assert story(tmp_path / "run") == before


def test_a_search_never_reads_test_images(tiny, tmp_path, monkeypatch):
    digits = datasets.load("digits", train_images=120)

    def load_test():
        raise AssertionError("a search read the test images")

    sealed = datasets.Dataset("sealed", train=digits.train, load_test=load_test)
    with pytest.raises(AssertionError, match="read the test images"):
        sealed.test()
    monkeypatch.setattr("swarmnas.search.loaders.load_dataset", lambda *args, **kwargs: sealed)
    assert search.run(tiny(), out=tmp_path / "run").genotype


def test_own_loaders_take_the_place_of_a_data_set(tiny, tmp_path):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(60, 2, 8, 8, generator=generator)
    labels = torch.arange(60) % 3
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(images, labels), batch_size=20
    )
    config = tiny(num_classes=3, dataset="none of ours")
    result = search.run(config, train=loader, valid=loader, out=tmp_path / "run")
    assert result.signals.valid_accuracy is not None
    with pytest.raises(SettingError, match="both train and valid"):
        search.run(config, train=loader, out=tmp_path / "other")
    with pytest.raises(SettingError, match="num_classes"):
        search.run(tiny(), train=loader, valid=loader, out=tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"space": "nasbench21"}, UnknownNameError, "Did you mean 'nasbench201'"),
        ({"dataset": "digts"}, UnknownNameError, "Did you mean 'digits'"),
        ({"policy": "dart"}, UnknownNameError, "Did you mean 'darts'"),
        ({"optimizer": "icsoo"}, UnknownNameError, "Did you mean 'icso'"),
        ({"dataset": "missing.npz"}, DataError, "missing.npz"),
        ({"batch_size": 100}, DataError, "at least one batch of 100"),
        ({"train_images": 3}, SettingError, "train_images"),
        ({"partial_channels": 3}, SettingError, "partial_channels: expected a divisor"),
        ({"num_classes": 10}, SettingError, "num_classes: expected none beside a data set"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_written(
    tiny, tmp_path, settings, error, message
):
    with pytest.raises(error, match=message):
        search.run(tiny(**settings), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_asked_for_and_absent(tiny, tmp_path):
    with pytest.raises(DeviceError, match="device: expected a CUDA device"):
        search.run(tiny(device="cuda"), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_exists_is_kept_unless_overwritten(tiny, story, tmp_path):
    search.run(tiny(), out=tmp_path / "run")
    before = story(tmp_path / "run")
    with pytest.raises(RunError, match="--overwrite"):
        search.run(tiny(seed=1), out=tmp_path / "run")
    assert story(tmp_path / "run") == before
    search.run(tiny(seed=1), out=tmp_path / "run", overwrite=True)
    assert story(tmp_path / "run") != before


def test_only_a_search_is_resumed(tmp_path):
    with pytest.raises(RunError, match="expected a run directory"):
        search.resume(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sead": 1}, r"unknown name 'sead'\. Did you mean 'seed'\?"),
        ({"epochs": 0}, "epochs: Input should be greater than or equal to 1; got 0"),
        ({"device": "tpu"}, "device: .*'tpu'"),
        ({"batch_size": 1}, "batch_size: Input should be greater than or equal to 2; got 1"),
    ],
)
def test_settings_are_checked_by_name(settings, message):
    with pytest.raises(DocumentError, match=message):
        search.SearchConfig.from_mapping(settings)


def test_a_runs_config_repeats_the_run(tiny, story, tmp_path):
    search.run(tiny(seed=3), out=tmp_path / "a")
    settings = search.read_config(tmp_path / "a" / "config.toml")
    search.run(search.SearchConfig.from_mapping(settings), out=tmp_path / "b")
    assert story(tmp_path / "a") == story(tmp_path / "b")


class Spoiled:
    """Images that are NaN in the first ``times`` passes through the third epoch."""

    def __init__(self, times):
        generator = torch.Generator().manual_seed(0)
        self._images = torch.randn(40, 1, 8, 8, generator=generator)
        self._labels = torch.arange(40) % 2
        self._epoch = 0
        self._left = times

    def set_epoch(self, epoch):
        self._epoch = epoch

    def __len__(self):
        return 2

    def __iter__(self):
        spoiled = self._epoch == 3 and self._left > 0
        self._left -= spoiled
        for part in (slice(0, 20), slice(20, 40)):
            yield self._images[part] * (float("nan") if spoiled else 1.0), self._labels[part]


def divergences(records):
    return [r for r in records if r["kind"] == "divergence"]


def test_a_loss_that_stays_no_number_ends_the_search_with_the_reason(tiny, story, tmp_path):
    config, path = tiny(num_classes=2, rate_halvings=2), tmp_path / "run"
    message = r"epoch 3: training loss: expected a finite number; got nan \(after 2 of 2 halvings"
    with pytest.raises(DivergenceError, match=message):
        search.run(config, train=Spoiled(99), valid=Spoiled(0), out=path)
    told = story(path)
    assert [r["epoch"] for r in told if r["kind"] == "epoch"] == [1, 2]
    assert [(r["epoch"], r["stop"]) for r in divergences(told)] == [
        (3, False), (3, False), (3, True),
    ]  # fmt: skip
    assert "back to the end of epoch 2" in divergences(told)[0]["reason"]
    with pytest.raises(DivergenceError, match=message):
        search.resume(path, train=Spoiled(99), valid=Spoiled(0))
    assert story(path) == told


def test_a_search_goes_on_after_a_divergence_and_resumes_exactly(tiny, story, tmp_path, interrupt):
    config = tiny(num_classes=2)
    whole = search.run(config, train=Spoiled(1), valid=Spoiled(0), out=tmp_path / "whole")
    assert len(divergences(story(tmp_path / "whole"))) == 1
    search.run(config, train=Spoiled(0), valid=Spoiled(0), out=tmp_path / "smooth")
    assert [r for r in story(tmp_path / "whole") if r["kind"] == "epoch"] != [
        r for r in story(tmp_path / "smooth") if r["kind"] == "epoch"
    ]
    with pytest.raises(KeyboardInterrupt):
        search.run(
            config,
            train=Spoiled(1),
            valid=Spoiled(0),
            out=tmp_path / "broken",
            callbacks=[interrupt(3, 1)],
        )
    resumed = search.resume(tmp_path / "broken", train=Spoiled(0), valid=Spoiled(0))
    assert story(tmp_path / "broken") == story(tmp_path / "whole")
    assert resumed.genotype == whole.genotype


def test_a_rate_that_overflows_is_halved_until_it_does_not(tiny, story, tmp_path):
    settings = {"policy": "darts", "population_size": None, "weight_decay": 0.0, "epochs": 3}
    config = tiny(learning_rate=1e12, rate_halvings=30, **settings)
    search.run(config, out=tmp_path / "run")
    assert 1 <= len(divergences(story(tmp_path / "run"))) <= 30


def test_the_checkpoint_of_another_run_is_refused(tiny, tmp_path):
    search.run(tiny(), out=tmp_path / "run")
    search.run(tiny(channels=4), out=tmp_path / "other")
    (newest,) = sorted((tmp_path / "other" / "checkpoint").iterdir())[-1:]
    before = (tmp_path / "run" / "history.jsonl").read_bytes()
    (tmp_path / "run" / "checkpoint" / newest.name).write_bytes(newest.read_bytes())
    with pytest.raises(RunError, match=r"expected the state of this search; got .*size mismatch"):
        search.resume(tmp_path / "run")
    assert (tmp_path / "run" / "history.jsonl").read_bytes() == before


def test_whoever_watches_hears_of_each_checkpoint_and_may_stop_there(tiny, story, tmp_path):
    class StopAt(Callback):
        def on_checkpoint(self, step):
            if step == 2:
                raise KeyboardInterrupt

    search.run(tiny(), out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        search.run(tiny(), out=tmp_path / "broken", callbacks=[StopAt()])
    search.resume(tmp_path / "broken", callbacks=[StopAt()])  # goes on after epoch 2
    assert story(tmp_path / "broken") == story(tmp_path / "whole")


@pytest.mark.parametrize("number", [2, 5, 9])
def test_a_disk_that_fills_up_ends_a_search_in_one_line_and_it_resumes(
    tiny, story, tmp_path, monkeypatch, number
):
    search.run(tiny(epochs=3), out=tmp_path / "whole")
    calls = []

    def full(handle, sync=os.fsync):
        calls.append(handle)
        if len(calls) >= number:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match=r"No space left on device\. Free some space"):
            search.run(tiny(epochs=3), out=tmp_path / "broken")
    if not (tmp_path / "broken" / "config.toml").exists():
        search.run(tiny(epochs=3), out=tmp_path / "broken")
    search.resume(tmp_path / "broken")
    assert story(tmp_path / "broken") == story(tmp_path / "whole")


@pytest.mark.parametrize("failing", [slice(0, 1), slice(None)])
def test_a_particle_whose_loss_is_no_number_fails_alone(tiny, tmp_path, monkeypatch, failing):
    evaluate = Supernet.evaluate_swarm

    def spoiled(self, *given, **settings):
        losses = evaluate(self, *given, **settings)
        losses[failing] = torch.nan
        return losses

    monkeypatch.setattr(Supernet, "evaluate_swarm", spoiled)
    search.run(tiny(), out=tmp_path / "run")
    records = RunDirectory.open(tmp_path / "run").history()
    assert [r["epoch"] for r in records if r["kind"] == "epoch"][-1] == tiny().epochs
    assert not [r for r in records if r["kind"] == "divergence"]


def test_a_second_process_in_the_run_directory_is_refused(tiny, tmp_path):
    search.run(tiny(), out=tmp_path / "run")
    with RunDirectory.open(tmp_path / "run").lock():
        for again in (
            lambda: search.resume(tmp_path / "run"),
            lambda: search.run(tiny(), out=tmp_path / "run", overwrite=True),
        ):
            with pytest.raises(RunError, match="in use by process"):
                again()


def test_memory_that_runs_out_names_the_batch_that_would_fit(tiny, tmp_path, monkeypatch):
    short_of_memory(monkeypatch, Supernet, most=7)
    with pytest.raises(DeviceError, match=r"got 20 images that do not\. Use batch_size 5"):
        search.run(tiny(), out=tmp_path / "run")
