"""Train a network from scratch and evaluate it (torch)."""

from swarmnas.training.evaluation import Evaluation, evaluate
from swarmnas.training.fitting import fit

__all__ = ["Evaluation", "evaluate", "fit"]
