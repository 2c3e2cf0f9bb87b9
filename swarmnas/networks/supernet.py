"""The weight-sharing network that holds every operation of a space."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from swarmnas.checks import as_float, as_int, explain, one_of
from swarmnas.errors import DeviceError, SettingError, ShapeError
from swarmnas.networks.blocks import Stack, Terms, check_batch, layout_for
from swarmnas.networks.memory import building
from swarmnas.networks.mixtures import (
    as_columns,
    as_mixing,
    discrete_terms,
    each_term,
    mixed_terms,
)
from swarmnas.networks.seeding import seeded
from swarmnas.networks.swarm import DEFAULT_MEMORY, swarm_losses
from swarmnas.rng import Seed
from swarmnas.spaces import Space

__all__ = ["Supernet"]


class Supernet(nn.Module):
    """Every operation on every edge, mixed by weights or picked one an edge.

    Batch normalisation always uses the statistics of the batch at hand, in evaluation mode too:
    running ones would blend architectures. Inside the cells it has no scale and shift, which
    would undo the mixing weights.

    Args:
        space: What may be built; its layout names the skeleton.
        num_classes: Logits.
        in_channels: Channels of the images.
        channels: Channels of the first cells.
        cells: Cells a stage ("residual-stages"), in all ("darts-stack"), or runs ("chain").
        partial_channels: Operations work on one of so many shares of the channels, the others
            pass by (PC-DARTS); 1 lets them work on all.
        edge_normalisation: Weight the edges into a node too, by a softmax of ``betas``.
        auxiliary_skip: Add a skip connection to every edge of mixed networks (DARTS-).
        precision: "float32", or "bfloat16" for arithmetic of half the width (autocast); weights,
            alphas, logits and losses keep theirs.
        compile: Compile the steps that train the weights (torch.compile), under mixing weights
            that need no gradient; the first one waits for the compiler.
        seed: Draws weights and alphas; None draws from torch's global generator.

    Attributes:
        alphas: Cell name -> ``(E, O)`` architecture logits, drawn from N(0, 0.001).
        betas: Cell name -> ``(E,)`` logits of the edges, with ``edge_normalisation``.
        auxiliary_weight: How much of the auxiliary skip connections is added; at 0 they are not
            computed. DARTS- lowers it from 1 to 0 over the search.
        memory_bound: Bytes that :meth:`evaluate_swarm` may use for the particles' images; halved
            whenever memory runs out.

    Raises:
        SettingError: The space's cells do not fit its layout, or a number is too small.
        UnknownNameError: No module provides an operation, or no class the layout; or there is no
            such precision.

    Example:
        >>> from swarmnas.spaces import create
        >>> net = Supernet(create("nasbench201"), num_classes=10, channels=4, cells=1, seed=0)
        >>> net(torch.zeros(2, 3, 8, 8)).shape
        torch.Size([2, 10])

    References:
        Liu, Simonyan and Yang, "DARTS", ICLR 2019; Dong and Yang, "NAS-Bench-201", ICLR 2020; Xu
        et al., "PC-DARTS", ICLR 2020; Chu et al., "DARTS-", ICLR 2021.
        Differs from the papers: no running statistics anywhere; see also the modules of
        operations, layouts and partial channels.
    """

    def __init__(
        self,
        space: Space,
        *,
        num_classes: int,
        in_channels: int = 3,
        channels: int = 16,
        cells: int = 5,
        partial_channels: int = 1,
        edge_normalisation: bool = False,
        auxiliary_skip: bool = False,
        precision: str = "float32",
        compile: bool = False,
        seed: Seed | None = None,
    ) -> None:
        super().__init__()
        self._compiles = compile
        self._precision = one_of("precision", precision, ("float32", "bfloat16"))
        self.space = space
        self.auxiliary_weight = 1.0 if auxiliary_skip else 0.0
        self._auxiliary_skip = auxiliary_skip
        self.memory_bound = DEFAULT_MEMORY
        every = {
            name: [range(num_operations)] * num_edges
            for name, (num_edges, num_operations) in space.alpha_shapes.items()
        }
        with seeded(seed), building():
            self.stack = Stack(
                space,
                every,
                num_classes=num_classes,
                in_channels=in_channels,
                channels=channels,
                cells=cells,
                affine=False,
                track=False,
                normalise_pools=layout_for(space).normalises_pools,
                partial=as_int("partial_channels", partial_channels, low=1),
                auxiliary_skip=auxiliary_skip,
            )
            self._refuse_missing_cells(cells)
            self.alphas = nn.ParameterDict(
                {name: 1e-3 * torch.randn(shape) for name, shape in space.alpha_shapes.items()}
            )
            self.betas = nn.ParameterDict(
                {name: 1e-3 * torch.randn(edges) for name, (edges, _) in space.alpha_shapes.items()}
                if edge_normalisation
                else {}
            )

    def _refuse_missing_cells(self, cells: int) -> None:
        missing = set(self.space.cells) - {block.place.cell for block in self.stack.cells}
        if missing:
            raise SettingError(
                explain(
                    "cells",
                    f"enough for the cells {' and '.join(self.space.cells)} to occur",
                    f"{cells}, without {' and '.join(sorted(missing))}",
                    "Use three or more.",
                )
            )

    def weight_parameters(self) -> list[nn.Parameter]:
        """Return the network's weights: every parameter but the alphas."""
        return list(self.stack.parameters())

    def alpha_parameters(self) -> list[nn.Parameter]:
        """Return the alphas, and the betas if there are any."""
        return [*self.alphas.parameters(), *self.betas.parameters()]

    @property
    def drop_path(self) -> float:
        """Probability with which training leaves an operation out of an image's sum.

        The identity is never left out, the others are scaled up to make good for it, and a swarm
        is evaluated with all of them. Draws come from torch's global generator.
        """
        return self.stack.drop_path

    @drop_path.setter
    def drop_path(self, probability: float) -> None:
        self.stack.drop_path = as_float("drop_path", probability, low=0, high=0.99)

    def mixing(self) -> dict[str, Tensor]:
        """Return the softmax of the alphas, ``(E, O)`` a cell, times that of its edge's betas."""
        found = {name: alphas.softmax(-1) for name, alphas in self.alphas.items()}
        for name, betas in self.betas.items():
            edges = self.space.cells[name].edges
            rivals = betas.new_tensor([[a.target == b.target for b in edges] for a in edges])
            powers = (betas - betas.max().detach()).exp()
            found[name] = found[name] * (powers / (rivals @ powers)).unsqueeze(1)
        return found

    def _with_skips(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return mixing weights with a column for the auxiliary skip connections, if built."""
        if not self._auxiliary_skip:
            return weights
        return {
            name: torch.cat(
                [table, table.new_full((*table.shape[:-1], 1), self.auxiliary_weight)], dim=-1
            )
            for name, table in weights.items()
        }

    def forward(self, images: Tensor, mixing: Mapping[str, Any] | None = None) -> Tensor:
        """Return the logits of the mixture.

        Args:
            images: ``(n, in_channels, height, width)``, n >= 2.
            mixing: Cell name -> ``(E, O)`` weights of the operations, with or without gradient;
                the softmax of the alphas by default. An operation whose weight is exactly 0 is
                not computed, unless the weights need a gradient.

        Returns:
            ``(n, num_classes)``.

        Raises:
            ShapeError: Images or weights have another shape.
            SettingError: A weight is NaN or infinite.
        """
        check_batch(images)
        given = self.mixing() if mixing is None else mixing
        weights = self._with_skips(as_mixing(self.space, given, like=images, swarm=False))
        trains = torch.is_grad_enabled() and not any(w.requires_grad for w in weights.values())
        if self._compiles and trains:
            return self._compiled(images, {name: each_term(w) for name, w in weights.items()})
        return self._logits(images, {name: mixed_terms(w) for name, w in weights.items()})

    def _compiled(self, images: Tensor, terms: Mapping[str, Terms]) -> Tensor:
        try:
            return self._compiled_logits(images, terms)
        except RuntimeError as cause:
            from torch._dynamo.exc import TorchDynamoException  # loaded by now; slow before

            if not isinstance(cause, TorchDynamoException):
                raise
            raise DeviceError(
                explain(
                    "compile",
                    "a compiler that torch.compile can use",
                    f"{type(cause).__name__}: {str(cause).strip().partition(chr(10))[0]}",
                    "Install one (on the CPU a C++ compiler), or leave compile out.",
                )
            ) from cause

    @cached_property
    def _compiled_logits(self) -> Callable[[Tensor, Mapping[str, Terms]], Tensor]:
        # Random numbers as without compiling.
        return torch.compile(self._logits, options={"fallback_random": True})

    def __getstate__(self) -> dict[str, Any]:
        # What is compiled works on this network: a copy compiles anew.
        return {k: v for k, v in self.__dict__.items() if k != "_compiled_logits"}

    def _logits(self, images: Tensor, terms: Mapping[str, Terms]) -> Tensor:
        with self._autocast(images):
            logits: Tensor = self.stack(images, terms)
        return logits.to(images.dtype)

    def _autocast(self, images: Tensor) -> AbstractContextManager[Any]:
        if self._precision == "float32":
            return nullcontext()
        return torch.autocast(images.device.type, dtype=getattr(torch, self._precision))

    def forward_discrete(self, images: Tensor, operations: Mapping[str, Any]) -> Tensor:
        """Return the logits of one architecture: each edge takes one operation.

        Args:
            images: ``(n, in_channels, height, width)``, n >= 2.
            operations: Cell name -> ``(E,)`` columns; -1 drops the edge.

        Returns:
            ``(n, num_classes)``.

        Raises:
            ShapeError: Images or columns have another shape.
            SettingError: A column is out of range.
        """
        check_batch(images)
        columns = as_columns(self.space, operations, swarm=False)
        return self._logits(
            images, {name: discrete_terms(row.tolist()) for name, row in columns.items()}
        )

    @torch.no_grad()
    def evaluate_swarm(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        mixing: Mapping[str, Any] | None = None,
        operations: Mapping[str, Any] | None = None,
    ) -> Tensor:
        """Return the loss of each particle of a swarm on one mini-batch.

        What particles share is computed once: the stem, and every intermediate result that
        depends on choices in which they agree. Each particle's batch statistics are its own.
        Weights, alphas and statistics stay as they are.

        Args:
            images: ``(n, in_channels, height, width)``, n >= 2.
            labels: ``(n,)`` class numbers.
            mixing: Cell name -> ``(P, E, O)`` weights of a mixed network for each particle.
            operations: Cell name -> ``(P, E)`` columns of a discrete one; -1 drops the edge.

        Returns:
            ``(P,)`` cross-entropies; NaN where a particle's logits are.

        Raises:
            SettingError: Not exactly one of ``mixing`` and ``operations`` is given, a weight is
                NaN or infinite, or a column is out of range.
            ShapeError: A shape does not fit.
        """
        check_batch(images)
        if labels.shape != images.shape[:1]:
            raise ShapeError(
                explain("labels", f"shape ({len(images)},)", tuple(labels.shape), "One an image.")
            )
        if (mixing is None) == (operations is None):
            raise SettingError(
                explain(
                    "evaluate_swarm",
                    "one of mixing= and operations=",
                    "both" if mixing else "none",
                    "Choose one.",
                )
            )
        if mixing is not None:
            particles = self._with_skips(as_mixing(self.space, mixing, like=images, swarm=True))
        else:
            particles = as_columns(self.space, operations or {}, swarm=True)
        with self._autocast(images):
            losses, self.memory_bound = swarm_losses(
                self.stack, images, labels, particles, memory_bound=self.memory_bound
            )
        return losses
