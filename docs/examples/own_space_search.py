from swarmnas.search import SearchConfig, run
from swarmnas.spaces import ChoiceSpace, spaces

# Six layers, each of which picks its kernel or stays out of the way.
layers = ChoiceSpace(
    "six-layers",
    layers=[("skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3")] * 6,
)
spaces.add("six-layers", f"{__name__}:layers", summary="Six layers with a choice of kernel.")

config = SearchConfig(
    space="six-layers",
    dataset="digits",
    train_images=200,
    policy="swarm-only",
    epochs=4,
    population_size=8,
    channels=4,
    cells=1,  # runs of the six layers, with the same choices
    batch_size=32,
    threads=1,
)
result = run(config, out="runs/six-layers", overwrite=True)
print(result.genotype.to_text())
