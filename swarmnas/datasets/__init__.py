"""Images in, tensors and splits out; small sets live in memory and are augmented in batches."""

from swarmnas.datasets.batches import Batches
from swarmnas.datasets.images import Dataset, ImageSet
from swarmnas.datasets.loading import Source, available, datasets, load

__all__ = ["Batches", "Dataset", "ImageSet", "Source", "available", "datasets", "load"]
