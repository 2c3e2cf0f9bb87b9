"""Contracts as test classes, for authors of plug-ins; they need pytest and hypothesis."""

from swarmnas.testing.optimizers import OptimizerContract
from swarmnas.testing.spaces import SpaceContract

__all__ = ["OptimizerContract", "SpaceContract"]
