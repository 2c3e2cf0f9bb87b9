"""The sampler of the package swarmnas, as OptunaHub loads it."""

from swarmnas.integrations import SwarmSampler

__all__ = ["SwarmSampler"]
