"""Plug-ins that are broken, each in its way; test_plug_ins.py installs them."""

import dataclasses

from torch import nn

from swarmnas.optimizers.competitive_swarm import CompetitiveSwarm
from swarmnas.phases.triggers import Epochs
from swarmnas.spaces import CellSpace
from swarmnas.spaces import create as space_of


class Raising(CompetitiveSwarm):
    def _propose(self, limit):
        return limit // 0


class Unmakeable(CompetitiveSwarm):
    def __init__(self, *_, **__):
        raise ValueError("no good")


class TooMany(CompetitiveSwarm):
    def _propose(self, limit):
        return super()._propose(limit) + 1000


class NoOptimizer:
    pass


class RaisingTrigger(Epochs):
    name = "broken"

    def check(self, history):
        raise KeyError("no good")


class RaisingModule(nn.Module):
    def forward(self, images):
        raise ValueError("no good")


def wider(channels_in, channels_out, stride, affine, track):
    return nn.Conv2d(channels_in, channels_out + 1, 1, stride)


def raising(channels_in, channels_out, stride, affine, track):
    return RaisingModule()


def no_module(channels_in, channels_out, stride, affine, track):
    return abs


def _space(operation):
    whole = space_of("nasbench201")
    cell = dataclasses.replace(whole.cells["cell"], operations=("none", "skip_connect", operation))
    return CellSpace(f"with-{operation}", {"cell": cell}, layout=whole.layout)


WITH_WIDER, WITH_RAISING, WITH_NO_MODULE = map(_space, ("wider", "raising", "no_module"))


def raising_data(**_):
    raise ValueError("no good")


def no_data(**_):
    return None


def no_problem(*, num_dims, instance):
    return 3
