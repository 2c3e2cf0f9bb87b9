import pytest
import torch
from torch import nn

from swarmnas.errors import DataError, DivergenceError, DocumentError
from swarmnas.runs import Callback
from swarmnas.training import Protocol, evaluate
from swarmnas.training import fit as fit_by

SETTINGS = {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.0, "seed": 0}


def fit(network, batches, *, seed, callbacks=(), **settings):
    protocol = Protocol.from_mapping({"batch_size": 2, **settings})
    return fit_by(network, batches, protocol, seed=seed, callbacks=callbacks)


class TwoBatches:
    """Two classes, told apart by the sign of the only feature."""

    def __init__(self):
        self.epochs = []

    def set_epoch(self, epoch):
        self.epochs.append(epoch)

    def __iter__(self):
        values = torch.tensor([[-2.0], [1.0], [2.0], [-1.0]])
        labels = (values[:, 0] > 0).long()
        yield values[:2], labels[:2]
        yield values[2:], labels[2:]


def linear():
    network = nn.Linear(1, 2)
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    return network


def test_training_learns_and_records_each_epoch():
    network, batches = linear(), TwoBatches()
    history = fit(network, batches, epochs=4, **SETTINGS)
    assert [record["epoch"] for record in history] == [1, 2, 3, 4] == batches.epochs
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert history[-1]["train_accuracy"] == 1.0
    # Half a cosine: 0.1 * (1 + cos(pi * e / 4)) / 2.
    rates = [record["learning_rate"] for record in history]
    assert rates == pytest.approx([0.1, 0.0853553391, 0.05, 0.0146446609])
    assert evaluate(network, TwoBatches()).accuracy == 1.0


def test_first_step_by_hand():
    network = linear()

    class One:
        def __iter__(self):
            yield torch.tensor([[2.0]]), torch.tensor([1])

    fit(network, One(), epochs=1, **SETTINGS)
    # Gradient of the logits is (1/2, -1/2); Nesterov's first step is rate * (1 + momentum) * g.
    assert network.bias.tolist() == pytest.approx([-0.095, 0.095])
    assert network.weight.flatten().tolist() == pytest.approx([-0.19, 0.19])


def test_weight_decay_pulls_weights_to_zero():
    network = linear()
    nn.init.ones_(network.weight)
    fit(network, TwoBatches(), epochs=3, **{**SETTINGS, "weight_decay": 1.0})
    assert float(network.weight.detach().sum()) < 2.0


def test_seed_decides_what_the_network_draws():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.drop = linear(), nn.Dropout(0.5)

        def forward(self, images):
            return self.drop(self.inner(images))

    def losses(seed):
        history = fit(Noisy(), TwoBatches(), epochs=3, **{**SETTINGS, "seed": seed})
        return [record["train_loss"] for record in history]

    assert losses(0) == losses(0)
    assert losses(0) != losses(1)


def test_nan_loss_stops_with_epoch_and_step():
    class Broken:
        def __iter__(self):
            yield torch.tensor([[1.0]]), torch.tensor([0])
            yield torch.tensor([[float("nan")]]), torch.tensor([0])

    network = linear().eval()
    with pytest.raises(
        DivergenceError, match=r"epoch 1, step 2: expected a finite number; got nan"
    ):
        fit(network, Broken(), epochs=2, **SETTINGS)
    assert not network.training
    assert torch.isfinite(network.weight).all()


def test_callbacks_hear_everything_in_order():
    heard = []

    class Listener(Callback):
        def on_start(self, config):
            heard.append(("start", config["epochs"]))

        def on_step(self, progress):
            heard.append(("step", progress["step"]))

        def on_record(self, record):
            heard.append(("record", record["epoch"]))

        def on_end(self, result):
            heard.append(("end", result["epoch"]))

    fit(linear(), TwoBatches(), epochs=1, callbacks=[Listener()], **SETTINGS)
    assert heard == [("start", 1), ("step", 1), ("step", 2), ("record", 1), ("end", 1)]


def test_evaluation_by_hand_and_mode_restored():
    network = nn.Sequential(nn.Identity(), nn.Dropout(0.5))
    logits = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 2.0]])
    found = evaluate(network, [(logits[:2], torch.tensor([0, 1])), (logits[2:], torch.tensor([1]))])
    # -log(e / (e + 1)), log 2, -log(e^2 / (e^2 + 1)); the tie goes to class 0, which is wrong.
    expected = (0.31326169 + 0.69314718 + 0.12692801) / 3
    assert (found.accuracy, found.num_images) == (pytest.approx(2 / 3), 3)
    assert found.loss == pytest.approx(expected)
    assert network.training


def test_no_images_is_an_error():
    with pytest.raises(DataError, match="one image or more"):
        evaluate(nn.Identity(), [])
    with pytest.raises(DataError, match="one batch or more"):
        fit(linear(), [], epochs=1, **SETTINGS)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("epochs", 0), ("learning_rate", 0.0), ("momentum", 1.5), ("weight_decay", -1e-4)],
)
def test_numbers_out_of_range_are_refused(setting, value):
    with pytest.raises(DocumentError, match=f"protocol: {setting}: "):
        fit(linear(), TwoBatches(), **{"epochs": 1, **SETTINGS, setting: value})
