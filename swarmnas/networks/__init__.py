"""Networks (torch): operations by name, the supernet of a space, the network of a genotype."""

from swarmnas.networks.layouts import Layout, layouts
from swarmnas.networks.network import Cost, Network, cost_of, costs_of
from swarmnas.networks.operations import Operation, operations
from swarmnas.networks.supernet import Supernet

__all__ = [
    "Cost",
    "Layout",
    "Network",
    "Operation",
    "Supernet",
    "cost_of",
    "costs_of",
    "layouts",
    "operations",
]
