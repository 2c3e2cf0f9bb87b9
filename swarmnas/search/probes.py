"""Readings that cost more than a glance: curvature in the alphas, agreement of gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal
from torch import Tensor, nn
from torch.nn import functional

from swarmnas.networks import Supernet
from swarmnas.networks.blocks import CellBlock
from swarmnas.search.gradients import Batch, Mixing, alpha_loss, mixing_of

__all__ = [
    "AlphaHessian",
    "dominant_eigenvalue",
    "freeze",
    "gradient_agreement",
    "operation_modules",
    "operation_ranking",
]

Vector = NDArray[np.float64]


class AlphaHessian:
    """The Hessian of the loss in the alphas, as products with vectors; never as a matrix.

    Args:
        supernet: The network, at its own alphas.
        batch: Validation images and labels.
        temperature: Divides the alphas before the softmax, > 0.
        weight_decay: Added to the diagonal, as the alphas' optimiser adds it to the gradient.

    Attributes:
        size: Number of alphas.
        products: Products taken so far: the cost.
    """

    def __init__(
        self,
        supernet: Supernet,
        batch: Batch,
        *,
        temperature: float = 1.0,
        weight_decay: float = 0.0,
    ) -> None:
        self._alphas = supernet.alpha_parameters()
        self._decay = weight_decay
        self.size = sum(alpha.numel() for alpha in self._alphas)
        self.products = 0
        loss = alpha_loss(supernet, mixing_of(supernet, temperature=temperature), batch)
        gradients = torch.autograd.grad(loss, self._alphas, create_graph=True)
        self._gradient = torch.cat([gradient.flatten() for gradient in gradients])

    def __call__(self, vector: Vector) -> Vector:
        """Return the Hessian times ``vector``, ``(size,)``: one backward pass."""
        self.products += 1
        along = torch.as_tensor(vector).to(self._gradient)
        parts = torch.autograd.grad(
            self._gradient, self._alphas, along, retain_graph=True, materialize_grads=True
        )
        product = torch.cat([part.flatten() for part in parts]).double().cpu().numpy()
        return product + self._decay * vector


def dominant_eigenvalue(
    product: Callable[[Vector], Vector],
    size: int,
    *,
    rng: np.random.Generator,
    tolerance: float = 1e-2,
) -> float:
    """Return the largest eigenvalue, not the largest absolute one, of a symmetric matrix.

    Power iteration that forgets nothing (Lanczos): each product with the matrix enlarges the space
    in which the best eigenvector is sought.

    Args:
        product: The matrix times a vector ``(size,)``.
        size: Rows of the matrix, >= 1.
        rng: Draws the first vector.
        tolerance: Stop once the residual ``|A v - value v|`` is below this times ``|value|``. That
            bounds the relative error; near convergence the error is about its square.

    Returns:
        The eigenvalue; NaN where a product is not finite.

    Example:
        >>> matrix = np.diag([3.0, -5.0, 1.0])
        >>> round(dominant_eigenvalue(matrix.dot, 3, rng=np.random.default_rng(0)), 6)
        3.0

    References:
        Lanczos, "An iteration method for the solution of the eigenvalue problem", 1950; the bound
        is that of Parlett, "The symmetric eigenvalue problem", 1998. The largest algebraic
        eigenvalue is what RobustDARTS (arXiv 1909.09656) follows.
    """
    vector = rng.standard_normal(size)
    vector /= np.linalg.norm(vector)
    basis = np.zeros((0, size))
    diagonal: list[float] = []
    beside: list[float] = []
    while True:
        basis = np.vstack([basis, vector])
        image = product(vector)
        if not np.isfinite(image).all():
            return float("nan")
        diagonal.append(float(image @ vector))
        for _ in range(2):  # once more, for what rounding left
            image = image - basis.T @ (basis @ image)
        norm = float(np.linalg.norm(image))
        values, vectors = eigh_tridiagonal(diagonal, beside)
        value = float(values[-1])
        if norm * abs(vectors[-1, -1]) <= tolerance * abs(value) or len(basis) == size:
            return value
        beside.append(norm)
        vector = image / norm


def operation_modules(supernet: Supernet) -> dict[str, nn.Module]:
    """Return every operation with weights by name, such as "normal[2] 0->3 sep_conv_3x3".

    The number counts the network's blocks; the arrow is the edge.
    """
    return {
        f"{cell}[{block}] {edge} {operation}": module
        for block, cell, edge, _, operation, module in _operations(supernet)
    }


def operation_ranking(supernet: Supernet) -> str:
    """Return, for each edge, its operations with weights by falling alpha, as text.

    An edge without two of them has no ranking and is left out.
    """
    columns: dict[tuple[str, str], dict[int, str]] = {}
    for _, cell, edge, (_, column), operation, _ in _operations(supernet):
        columns.setdefault((cell, edge), {})[column] = operation
    rows = {
        (cell, edge): supernet.alphas[cell][row].tolist()
        for _, cell, edge, (row, _), _, _ in _operations(supernet)
    }
    return "; ".join(
        f"{cell} {edge} "
        + ">".join(names[at] for at in sorted(names, key=lambda at: -rows[cell, edge][at]))
        for (cell, edge), names in columns.items()
        if len(names) > 1
    )


def _operations(
    supernet: Supernet,
) -> Iterator[tuple[int, str, str, tuple[int, int], str, nn.Module]]:
    """Yield block, cell, edge, position in the alphas, name and module of what has weights."""
    for number, block in enumerate(supernet.stack.blocks):
        if not isinstance(block, CellBlock):
            continue
        for row, edge in enumerate(block.cell.edges):
            arrow = f"{edge.source}->{edge.target}"
            for column, name in enumerate(block.cell.operations_of(row)):
                module = cast(nn.ModuleList, block.edges[row])[column]
                if any(True for _ in module.parameters()):
                    yield number, block.place.cell, arrow, (row, column), name, module


def gradient_agreement(
    supernet: Supernet, mixing: Mixing, pairs: Iterable[tuple[Batch, Batch]]
) -> dict[str, float]:
    """Return how well training and validation gradients of each operation's weights agree.

    For each pair of batches and each tensor of an operation: the cosine between the two gradients
    along the tensor's first dimension, averaged over the others. Then the mean over tensors, and
    over pairs. Operations whose weights are frozen are left out.

    Args:
        supernet: The network.
        mixing: Its mixing weights, constants.
        pairs: A training and a validation batch each.

    Returns:
        Name, as `operation_modules` gives it -> a number in [-1, 1].

    References:
        OLES, operation-level early stopping: means over 20 steps. Differs from its code: both
        gradients are taken at the same weights, at the end of an epoch; there the weights take
        one step in between.
    """
    tensors = {
        name: [weight for weight in module.parameters() if weight.requires_grad]
        for name, module in operation_modules(supernet).items()
    }
    tensors = {name: found for name, found in tensors.items() if found}
    weights = [weight for found in tensors.values() for weight in found]
    totals, count = torch.zeros(len(tensors), dtype=torch.float64), 0
    for batches in pairs if weights else ():
        ours, theirs = (
            iter(
                torch.autograd.grad(
                    alpha_loss(supernet, mixing, batch), weights, materialize_grads=True
                )
            )
            for batch in batches
        )
        totals += torch.tensor(
            [
                np.mean([_cosine(next(ours), next(theirs)) for _ in found])
                for found in tensors.values()
            ]
        )
        count += 1
    return dict(zip(tensors, (totals / max(count, 1)).tolist(), strict=True))


def _cosine(one: Tensor, other: Tensor) -> float:
    return float(functional.cosine_similarity(one, other, dim=0).mean())


def freeze(supernet: Supernet, names: Iterable[str]) -> None:
    """Let the weights of operations train no further; their alphas still do."""
    modules: Mapping[str, Any] = operation_modules(supernet)
    for name in names:
        modules[name].requires_grad_(False)
        for weight in modules[name].parameters():
            weight.grad = None
