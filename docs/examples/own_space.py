import numpy as np

from swarmnas.spaces import Adapter, Cell, CellSpace, ChoiceSpace

# A cell with one input and two nodes; each node keeps its best incoming edge.
cell = Cell(
    num_inputs=1,
    num_nodes=3,
    edges=[(0, 1), (0, 2), (1, 2)],
    operations=("none", "skip_connect", "nor_conv_3x3"),
    output="last",
    edges_per_node=1,
    excluded=("none",),
)
cells = CellSpace("two-nodes", {"cell": cell}, layout="residual-stages")

# A network of four layers, each of which picks its kernel and its expansion.
layers = ChoiceSpace("mobile", layers=[("k3_e3", "k3_e6", "k5_e3", "k5_e6")] * 4)

rng = np.random.default_rng(0)
for space in (cells, layers):
    adapter = Adapter(space)
    swarm = rng.uniform(*adapter.bounds, (20, adapter.num_dims))
    genotype = space.decode(adapter.to_alphas(swarm[0]))
    assert space.parse(genotype.to_text()) == genotype
    assert space.decode(space.encode(genotype)) == genotype
    print(f"{space.name}: {genotype.to_text()}  diversity {adapter.diversity(swarm):.2f}")
