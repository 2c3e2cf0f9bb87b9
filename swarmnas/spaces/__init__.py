"""Spaces: what may be built, as data; alphas <-> genotype, particle <-> alphas.

``create("nasbench201")`` returns a space; :class:`CellSpace` and :class:`ChoiceSpace` make your
own; :class:`Adapter` lets a swarm move in it.
"""

from swarmnas.spaces.adapter import Adapter
from swarmnas.spaces.catalogue import available, create, spaces
from swarmnas.spaces.cell import Cell, Edge
from swarmnas.spaces.genotype import Choice, Genotype
from swarmnas.spaces.published import available_genotypes, named_genotype
from swarmnas.spaces.reading import genotype_and_origin, read_genotype
from swarmnas.spaces.space import CellSpace, ChoiceSpace, Space

__all__ = [
    "Adapter",
    "Cell",
    "CellSpace",
    "Choice",
    "ChoiceSpace",
    "Edge",
    "Genotype",
    "Space",
    "available",
    "available_genotypes",
    "create",
    "genotype_and_origin",
    "named_genotype",
    "read_genotype",
    "spaces",
]
