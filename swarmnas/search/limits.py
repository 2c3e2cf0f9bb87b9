"""What a network may take at most, as violations that a swarm avoids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarmnas.checks import explain
from swarmnas.errors import SettingError
from swarmnas.networks import costs_of
from swarmnas.spaces import Genotype, Space

__all__ = ["Limits"]


class Limits:
    """Upper limits on parameters and multiply-adds of the network that a genotype gives.

    Args:
        space: The space of the genotypes.
        parameters: The most parameters; None for no limit.
        flops: The most multiply-adds an image; None for no limit.
        sizes: What the network is built with beside the genotype, as for ``cost_of``.

    Raises:
        SettingError: A limit is below what the network takes without any operation.

    Example:
        >>> from swarmnas.spaces import create
        >>> limits = Limits(create("nasbench201"), parameters=1_000_000, num_classes=10)
        >>> limits.violations({"cell": np.array([[0] * 6, [3] * 6])}).round(3).tolist()
        [0.0, 0.532]
    """

    def __init__(
        self,
        space: Space,
        *,
        parameters: int | None = None,
        flops: int | None = None,
        **sizes: Any,
    ) -> None:
        self._space, self._sizes = space, sizes
        self._most = np.array(
            [np.inf if most is None else float(most) for most in (parameters, flops)]
        )
        if not self.any:
            return  # pricing a space takes tenths of a second
        bare = {name: np.full((1, edges), -1) for name, (edges, _) in space.alpha_shapes.items()}
        for name, most, least in zip(
            ("max_parameters", "max_flops"),
            self._most,
            costs_of(space, bare, **sizes)[0],
            strict=True,
        ):
            if most < least:
                raise SettingError(
                    explain(
                        name,
                        f"at least {least:,}, which the network takes without its operations",
                        f"{most:,.0f}",
                        "Raise the limit, or lower network_channels or network_cells.",
                    )
                )

    @property
    def any(self) -> bool:
        """Whether anything is limited."""
        return bool(np.isfinite(self._most).any())

    def violations(self, columns: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float64]:
        """Return by how much genotypes exceed the limits, as shares of them, added up.

        Args:
            columns: Cell name -> ``(n, E)``, as ``space.decode_indices`` gives them.

        Returns:
            ``(n,)``, 0 where a genotype keeps within all.
        """
        costs = costs_of(self._space, columns, **self._sizes)
        excess: NDArray[np.float64] = np.maximum(costs / self._most - 1, 0).sum(axis=1)
        return excess

    def allow(self, genotype: Genotype) -> bool:
        """Tell whether a genotype keeps within all limits."""
        columns = {name: row[None] for name, row in self._space.indices_of(genotype).items()}
        return not self.violations(columns).any()
