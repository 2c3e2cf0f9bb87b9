"""Contracts as test classes, for authors of plug-ins; they need pytest and hypothesis."""

from swarmnas.testing.optimizers import OptimizerContract

__all__ = ["OptimizerContract"]
