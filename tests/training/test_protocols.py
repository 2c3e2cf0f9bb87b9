"""Protocols as data, and what they say of each epoch."""

import pytest

from swarmnas.errors import DocumentError, SettingError, UnknownNameError
from swarmnas.spaces import create
from swarmnas.training import Protocol, load_protocol, protocols

# facts: DARTS (ICLR 2019) and PC-DARTS (ICLR 2020) releases, NAS-Bench-201 (ICLR 2020).
PUBLISHED = {
    "darts-cifar": {
        "epochs": 600, "batch_size": 96, "channels": 36, "learning_rate": 0.025,
        "weight_decay": 3e-4, "gradient_clip": 5.0, "cutout": 16, "drop_path": 0.2,
        "auxiliary": 0.4, "nesterov": False, "cells": {"darts-stack": 20},
    },
    "darts-imagenet": {
        "epochs": 250, "batch_size": 1024, "channels": 48, "learning_rate": 0.5,
        "schedule": "linear", "warmup_epochs": 5, "weight_decay": 3e-5, "gradient_clip": 5.0,
        "label_smoothing": 0.1, "auxiliary": 0.4, "drop_path": 0.0, "nesterov": False,
        "cells": {"darts-stack": 14},
    },
    "nasbench201": {
        "epochs": 200, "batch_size": 256, "channels": 16, "learning_rate": 0.1,
        "schedule": "cosine", "weight_decay": 5e-4, "nesterov": True, "auxiliary": 0.0,
        "gradient_clip": None, "cells": {"residual-stages": 5},
    },
}  # fmt: skip
PUBLISHED["nasbench201-12"] = PUBLISHED["nasbench201"] | {"epochs": 12}


@pytest.mark.parametrize("name", PUBLISHED)
def test_protocols_are_those_of_the_papers(name):
    protocol = load_protocol(name)
    assert {key: getattr(protocol, key) for key in PUBLISHED[name]} == PUBLISHED[name]
    assert protocol.momentum == 0.9


def test_every_listed_protocol_loads_and_survives_being_written():
    for name in protocols:
        protocol = load_protocol(name)
        assert Protocol.from_mapping(protocol.to_mapping()) == protocol


def test_rates_by_hand():
    darts, large = load_protocol("darts-cifar"), load_protocol("darts-imagenet")
    assert darts.learning_rate_of(1) == 0.025
    assert darts.learning_rate_of(301) == pytest.approx(0.0125)
    # 0.5 * 245 / 245 a fifth of it, then (245 - 9) / 245; the last five fall from 1 / 245.
    assert large.learning_rate_of(1) == pytest.approx(0.1)
    assert large.learning_rate_of(10) == pytest.approx(0.5 * 236 / 245)
    assert large.learning_rate_of(246) == pytest.approx(0.5 / 245)
    assert large.learning_rate_of(250) == pytest.approx(0.5 / 245 / 5)
    # The release multiplies 0.2 by epoch / 600 with epochs from 0.
    assert darts.drop_path_of(1) == 0.0
    assert darts.drop_path_of(301) == pytest.approx(0.1)


def test_a_file_is_a_protocol_and_its_errors_name_the_line(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("epochs = 3\nbatch_size = 8\nlearning_rate = 0.1\n", encoding="utf-8")
    assert load_protocol(file).epochs == 3
    file.write_text(
        "epochs = 3\nbatch_size = 8\nlearning_rate = 0.1\nchanels = 4\n", encoding="utf-8"
    )
    with pytest.raises(
        DocumentError, match=r"mine.toml, line 4: .*'chanels'.*Did you mean 'channels'"
    ):
        load_protocol(file)
    file.write_text("batch_size = 8\nepochs = 0\n", encoding="utf-8")
    with pytest.raises(DocumentError, match=r"mine.toml, line 2: epochs"):
        load_protocol(file)
    with pytest.raises(UnknownNameError, match="Did you mean 'quick'"):
        load_protocol("quik")


def test_other_layouts_are_refused_and_a_number_of_cells_counts_for_each():
    with pytest.raises(SettingError, match=r"residual-stages.*got the space 'darts'"):
        load_protocol("nasbench201").cells_for(create("darts"))
    quick = load_protocol("quick").with_settings({"cells": 7})
    assert quick.cells_for(create("darts")) == quick.cells_for(create("nasbench201")) == 7
