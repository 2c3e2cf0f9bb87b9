"""The ask/tell contract: order, checks, counters, the best, and state, once for all algorithms.

A subclass fills :meth:`Optimizer._propose` and :meth:`Optimizer._update` with mathematics and
names in ``_state`` the attributes that change.
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypedDict

import numpy as np

from swarmnas.checks import as_float, as_int, explain
from swarmnas.errors import (
    AskTellOrderError,
    PluginError,
    SettingError,
    ShapeError,
    StateError,
)
from swarmnas.optimizers.arrays import Array, arrays_like, to_host
from swarmnas.optimizers.box import Box
from swarmnas.optimizers.comparison import Index, Losses, beats, best_row, order
from swarmnas.optimizers.diversity import centre_distance
from swarmnas.rng import Seed, generator, generator_state, restore_generator

__all__ = ["Capabilities", "CommonSettings", "Optimizer"]

_STATE_VERSION = 1
_FAILED_GENERATIONS = 3


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What an optimizer can do beyond ask and tell; what it cannot is refused with ``why``."""

    exact_state: bool = True
    """A restored optimizer continues bit for bit."""
    noisy: bool = True
    """``noisy=True`` compares only losses of one ``ask``."""
    arrays: bool = True
    """Works on arrays other than NumPy's."""
    violations: bool = True
    """Takes constraint violations."""
    why: str = ""
    """Why something is missing, as a sentence; for messages and test reports."""


class CommonSettings(TypedDict, total=False):
    """The keywords that every optimizer takes; :class:`Optimizer` explains them."""

    bounds: Any
    seed: Seed
    population_size: int | None
    max_evaluations: int | None
    noisy: bool
    initial_positions: Any
    like: Any
    dtype: Any
    draws: str
    target_loss: float | None
    min_diversity: float | None
    max_stagnation: int | None


class Optimizer(ABC):
    """A swarm that minimises by ask and tell; the base of all optimizers.

    Args:
        bounds: ``(lower, upper)``, each ``(num_dims,)``; equal bounds fix a dimension.
        seed: An integer >= 0 or a ``SeedSequence``.
        population_size: Particles; ``None`` takes what the algorithm's paper recommends.
        max_evaluations: The budget in told rows; ``None`` is no limit.
        noisy: Losses of one point differ between calls; only losses of one ``ask`` are compared.
        initial_positions: ``(k, num_dims)``, k <= population_size, inside the bounds; the
            other particles start uniformly in the box.
        like: An array whose library and device the swarm lives on; ``None`` is NumPy.
        dtype: ``float64`` or ``float32``; ``None`` is that of ``like``.
        draws: ``"host"``: the same draws on every backend; ``"device"``: drawn on the device.
        target_loss: Stop reason "target": a feasible row's loss came down to this.
        min_diversity: Stop reason "diversity": ``diversity`` fell below this.
        max_stagnation: Stop reason "stagnation": so many generations without a new best.

    Raises:
        SettingError: A setting is outside what it allows.
        ShapeError: ``bounds`` or ``initial_positions`` has the wrong shape.
    """

    name: ClassVar[str]
    """The registered name."""
    capabilities: Capabilities = Capabilities()
    smallest_population: ClassVar[int] = 2
    _state: ClassVar[tuple[str, ...]] = (
        "evaluations",
        "generation",
        "best_loss",
        "best_violation",
        "_best_position",
        "_best_generation",
        "_failed_generations",
        "_position",
        "_loss",
        "_violation",
        "_known",
        "_num_unknown",
        "_rows",
        "_num_pending",
        "_recommendation",
    )
    """Attributes that change: arrays of fixed shape, ints and floats. A subclass lists its own."""

    def __init__(
        self,
        *,
        bounds: Any,
        seed: Seed,
        population_size: int | None = None,
        max_evaluations: int | None = None,
        noisy: bool = False,
        initial_positions: Any = None,
        like: Any = None,
        dtype: Any = None,
        draws: str = "host",
        target_loss: float | None = None,
        min_diversity: float | None = None,
        max_stagnation: int | None = None,
    ) -> None:
        self._rng = generator(seed)
        self._arrays = arrays_like(like, dtype, draws, self._rng)
        self._box = Box(bounds, self._arrays)
        self.num_dims = self._box.num_dims
        smallest = self.smallest_population
        self.population_size = (
            max(smallest, self._recommended_population())
            if population_size is None
            else as_int("population_size", population_size, low=smallest)
        )
        self.max_evaluations = (
            None if max_evaluations is None else as_int("max_evaluations", max_evaluations, low=1)
        )
        self.noisy = bool(noisy)
        self._stop_at(target_loss, min_diversity, max_stagnation)
        self._refuse_missing(arrays=not self._arrays.on_host, noisy=self.noisy)

        self.evaluations = 0
        """Rows told."""
        self.generation = 0
        """Tells."""
        self.best_loss = math.inf
        """The loss of :attr:`best_position`; infinite before a row succeeded."""
        self.best_violation = math.inf
        """The constraint violation of :attr:`best_position`."""
        self._best_generation = 0
        self._failed_generations = 0
        self._best_position = self._arrays.zeros(self.num_dims)
        self._best_position += math.nan
        self._position = self._arrays.zeros(self.population_size, self.num_dims)
        self._place(initial_positions)
        self._loss = np.full(self.population_size, math.inf)
        self._violation = np.full(self.population_size, math.inf)
        self._known = np.zeros(self.population_size, dtype=bool)
        """Particles that need no evaluation before the search can start."""
        self._num_unknown = self.population_size
        self._rows = self._arrays.zeros(self._largest_batch(), self.num_dims)
        self._num_pending = 0
        self._recommendation = self._arrays.mean(self._position)

    # What a subclass fills.

    @abstractmethod
    def _propose(self, limit: int) -> int:
        """Write at most ``limit`` rows to evaluate into ``_rows``; return how many."""

    @abstractmethod
    def _update(self, losses: Losses, violations: Losses) -> None:
        """Learn from the losses of the first rows of ``_rows``; failed ones are infinite."""

    def _recommended_population(self) -> int:
        """Return the population size for ``num_dims`` where the caller names none."""
        return 40

    def _injected(self, particles: Index) -> None:  # noqa: B027 - most have nothing more
        """Bring in line with their new positions what else is known of ``particles``."""

    def _largest_batch(self) -> int:
        """Return the most rows that one ``ask`` hands out."""
        return self.population_size

    def _smallest_batch(self) -> int:
        """Return the fewest rows that the next ``ask`` makes sense with."""
        return 1

    def _refuse_broken(self, count: Any, limit: int) -> None:
        """Refuse what a derived class proposed if it is no batch."""
        shape = tuple(self._rows.shape)
        most = min(limit, shape[0])
        fits = isinstance(count, int | np.integer) and 0 < count <= most
        if not fits or shape[1:] != (self.num_dims,):
            raise PluginError(
                explain(
                    f"optimizer {self.name!r}, _propose",
                    f"1 to {most} rows of {self.num_dims} numbers",
                    f"{count!r} in rows of shape {shape}",
                    f"Mend {type(self).__module__}.{type(self).__name__}.",
                )
            )

    # What a caller uses.

    def ask(self) -> Array:
        """Return the rows to evaluate, a copy.

        Returns:
            ``(n, num_dims)``; n may be below ``population_size``, and never exceeds what is left
            of the budget.

        Raises:
            AskTellOrderError: The last batch has no losses yet, or the budget is spent.
            PluginError: A class of somebody else proposed what is no batch.
        """
        if self._num_pending:
            raise AskTellOrderError(
                explain(
                    "ask",
                    "a tell() first",
                    f"{self._num_pending} rows that have no losses yet",
                    "Call tell() before asking again.",
                )
            )
        limit = self._left()
        if limit < self._smallest_batch():
            raise AskTellOrderError(
                explain(
                    "ask",
                    "evaluations left in the budget",
                    f"{self.evaluations} of {self.max_evaluations} used",
                    "Stop when stop_reasons() names one, or raise max_evaluations.",
                )
            )
        count = self._propose(limit)
        self._refuse_broken(count, limit)
        self._num_pending = int(count)
        return self._arrays.copy(self._rows[:count])

    def tell(self, positions: Any, losses: Any, violations: Any = None) -> None:
        """Take the losses of the rows that :meth:`ask` returned.

        Args:
            positions: ``(n, num_dims)``, those rows in their order. Rows that the caller
                repaired (rounded, projected) are taken as the particles' new positions.
            losses: ``(n,)``, lower is better; NaN and infinities mark failed rows.
            violations: ``(n,)``, constraint violations, 0 where feasible; ``None`` is all 0.

        Raises:
            AskTellOrderError: Nothing was asked.
            ShapeError: An array has the wrong shape.
            SettingError: An array is not numeric, a position outside the bounds, a violation
                negative.
        """
        count = self._num_pending
        if not count:
            raise AskTellOrderError(
                explain("tell", "rows that ask() returned", "nothing asked", "Call ask() first.")
            )
        rows = self._checked_rows(positions, count)
        losses, violations = self._checked_losses(losses, violations, count)
        if rows is not None:
            self._rows[:count] = rows
        self._num_pending = 0
        self.evaluations += count
        succeeded = self._record(self._rows, losses, violations, self.generation + 1)
        self._failed_generations = 0 if succeeded else self._failed_generations + 1
        self._update(losses, violations)
        self.generation += 1

    def inject(self, positions: Any, losses: Any = None, violations: Any = None) -> None:
        """Replace the worst particles by points that are known from elsewhere.

        Call it between a tell and the next ask, or before the first. The points arrive at rest.
        They cost no budget; ``evaluations`` counts told rows only.

        Args:
            positions: ``(k, num_dims)``, 1 <= k <= population_size, inside the bounds.
            losses: ``(k,)``, of the same objective; NaN and infinities mark failed rows. With
                ``noisy=True`` they are not looked at, and the points are evaluated again.
            violations: ``(k,)``, constraint violations; ``None`` is all 0.

        Raises:
            AskTellOrderError: Rows are asked and not told.
            ShapeError: An array has the wrong shape.
            SettingError: Losses are missing, an array is not numeric, a position outside the
                bounds, a violation negative.

        Example:
            >>> from swarmnas.optimizers import create
            >>> swarm = create("cso", bounds=([-5.0], [5.0]), seed=0)
            >>> swarm.inject([[0.5], [0.25]], [0.25, 0.0625])
            >>> swarm.best_loss, len(swarm.ask())
            (0.0625, 38)
        """
        if self._num_pending:
            fix = "Call tell() before inject()."
            got = f"{self._num_pending} rows that have no losses yet"
            raise AskTellOrderError(explain("inject", "a tell() first", got, fix))
        rows = self._checked_swarm("positions", positions)
        count = rows.shape[0]
        if losses is None and not self.noisy:
            fix = "Pass the losses of the positions, or start with initial_positions."
            raise SettingError(explain("losses", f"{count} numbers", "none", fix))
        losses, violations = self._checked_losses(
            np.full(count, math.inf) if losses is None else losses, violations, count
        )
        self._inject(rows, losses, violations)

    def _inject(self, rows: Array, losses: Losses, violations: Losses) -> None:
        """Put checked rows in the place of the worst particles."""
        worst = order(self._loss, self._violation)[-len(losses) :]
        self._position[self._arrays.index(worst)] = rows
        if self.noisy:
            self._loss[worst], self._violation[worst] = math.inf, math.inf
        else:
            self._loss[worst], self._violation[worst] = losses, violations
            self._known[worst] = True
            self._num_unknown = int((~self._known).sum())
            self._record(rows, losses, violations, self.generation)
        self._injected(worst)

    @property
    def pending(self) -> Array | None:
        """The rows asked and not yet told, ``(n, num_dims)``, a copy; ``None`` when there are none.

        After loading a state that was saved between ask and tell, evaluate these.
        """
        return self._arrays.copy(self._rows[: self._num_pending]) if self._num_pending else None

    @property
    def positions(self) -> Array:
        """The current swarm, ``(population_size, num_dims)``, a copy."""
        return self._arrays.copy(self._position)

    @property
    def best_position(self) -> Array:
        """The best row told, ``(num_dims,)``, a copy; NaN before a row succeeded.

        With ``noisy=True`` it is a log that steers nothing; use :meth:`recommend`.
        """
        return self._arrays.copy(self._best_position)

    def recommend(self) -> Array:
        """Return the point to use, ``(num_dims,)``.

        Without noise the best row told, with noise the centre of the latest winners; before a
        row succeeded, the centre of the swarm's start.
        """
        known = not self.noisy and self.best_loss < math.inf
        return self._arrays.copy(self._best_position if known else self._recommendation)

    @property
    def bounds(self) -> tuple[Array, Array]:
        """``(lower, upper)`` as the swarm keeps them, copies."""
        return self._arrays.copy(self._box.lower), self._arrays.copy(self._box.upper)

    def memory(self) -> tuple[Array, Losses, Losses]:
        """Return the points that the search stands on, best first, with what is known of them.

        Returns:
            Positions ``(k, num_dims)``, losses ``(k,)`` and violations ``(k,)``, all copies. A
            swarm with personal bests gives those. The best row told comes first if the swarm has
            moved on from it. Under noise all losses are NaN, for none holds beyond its batch;
            without, points that failed or were never evaluated are left out.
        """
        points, loss, violation = self._points(), self._loss, self._violation
        ranked = order(loss, violation)
        if self.noisy:
            nothing = np.zeros(len(ranked))
            return self._gathered(points, ranked), nothing + math.nan, nothing
        ranked = ranked[np.isfinite(loss[ranked])]
        rows, loss, violation = self._gathered(points, ranked), loss[ranked], violation[ranked]
        if len(ranked) and beats(self.best_loss, self.best_violation, loss[0], violation[0]):
            best = self._best_position[None, :]
            rows = self._arrays.xp.concat([best, rows])
            loss = np.concatenate([[self.best_loss], loss])
            violation = np.concatenate([[self.best_violation], violation])
        return rows, loss, violation

    @property
    def diversity(self) -> float:
        """Mean distance to the swarm's centre over the box's diagonal, in [0, 1]."""
        return centre_distance(self._position, self._box.lower, self._box.upper)

    def stop_reasons(self) -> list[str]:
        """Return why to stop; empty while there is no reason.

        "budget": too few evaluations are left for another batch. "target", "diversity",
        "stagnation": what ``target_loss``, ``min_diversity`` and ``max_stagnation`` ask for.
        "all-failed": every row of the last three generations failed.
        """
        stagnation = self.generation - self._best_generation
        met = {
            "budget": not self._num_pending and self._left() < self._smallest_batch(),
            "target": self.target_loss is not None
            and self.best_violation == 0
            and self.best_loss <= self.target_loss,
            "diversity": self.min_diversity is not None and self.diversity < self.min_diversity,
            "stagnation": self.max_stagnation is not None and stagnation >= self.max_stagnation,
            "all-failed": self._failed_generations >= _FAILED_GENERATIONS,
        }
        return [reason for reason, is_met in met.items() if is_met]

    @classmethod
    def setting_names(cls) -> list[str]:
        """Return the names of the settings of the algorithm itself; each is an attribute."""
        names: dict[str, None] = {}
        for parent in reversed(cls.__mro__):
            init = parent.__dict__.get("__init__")
            if init is not None and issubclass(parent, Optimizer) and parent is not Optimizer:
                parameters = inspect.signature(init).parameters.values()
                names |= {p.name: None for p in parameters if p.kind is p.KEYWORD_ONLY}
        return [name for name in names if name not in CommonSettings.__annotations__]

    @property
    def settings(self) -> dict[str, Any]:
        """The algorithm's own settings by name, as resolved for this swarm."""
        return {name: getattr(self, name) for name in self.setting_names()}

    def state_dict(self) -> dict[str, Any]:
        """Return everything that changes and what it belongs to, as plain data.

        Returns:
            Numbers, strings, lists and dicts; every array (under "values", "device_rng",
            "lower" and "upper") is a NumPy one, a copy.

        Raises:
            StateError: The optimizer cannot be saved (``capabilities.exact_state``).
        """
        self._refuse_missing(exact_state=True)
        names = self._state_names()
        return {
            **self._identity(),
            "rng": generator_state(self._rng),
            "device_rng": self._arrays.state(),
            "values": {name.strip("_"): _plain(getattr(self, name)) for name in names},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where :meth:`state_dict` was taken, bit for bit.

        The optimizer must have been created with the same algorithm, settings, bounds, sizes
        and dtype; the budget and the stopping thresholds may differ.

        Raises:
            StateError: The state belongs to something else; nothing was changed.
        """
        self._refuse_missing(exact_state=True)
        for key, own in self._identity().items():
            if key not in state or not _equal(state[key], own):
                fix = "Create the optimizer as it was when the state was saved."
                got = _brief(state.get(key, "nothing"))
                raise StateError(explain(f"state, {key}", _brief(own), got, fix))
        for key in ("values", "rng", "device_rng"):
            if not isinstance(state.get(key, {}), Mapping):
                fix = "Load a state that state_dict() returned."
                raise StateError(explain(f"state, {key}", "a table", _brief(state[key]), fix))
        names = self._state_names()
        values = state.get("values", {})
        for name in names:
            own, found = _plain(getattr(self, name)), values.get(name.strip("_"))
            if not isinstance(found, np.ndarray) or _form(found) != _form(own):
                got = _form(found) if isinstance(found, np.ndarray) else type(found).__name__
                fix = "Load a state that state_dict() returned."
                raise StateError(explain(f"state, {name.strip('_')}", _form(own), got, fix))
        rng = restore_generator(state.get("rng", {}))
        self._arrays.load_state(state.get("device_rng", {}))
        self._rng = rng
        for name in names:
            own, found = getattr(self, name), values[name.strip("_")]
            if isinstance(own, int | float):
                setattr(self, name, type(own)(found))
            elif isinstance(own, np.ndarray):
                own[...] = found
            else:
                own[...] = self._arrays.array(found)

    # What subclasses share.

    def _left(self) -> int:
        """Return how many rows the budget still pays for."""
        if self.max_evaluations is None:
            return self._largest_batch()
        return self.max_evaluations - self.evaluations

    def _points(self) -> Array:
        """Return the points whose losses the swarm keeps, one a particle."""
        return self._position

    def _gathered(self, points: Array, particles: Index) -> Array:
        """Return the rows of ``points`` that belong to ``particles``."""
        out = self._arrays.zeros(len(particles), self.num_dims)
        return self._arrays.take(points, self._arrays.index(particles), out)

    @property
    def _starting(self) -> bool:
        """Whether particles wait for their first evaluation."""
        return self._num_unknown > 0

    def _propose_start(self, limit: int) -> int:
        """Propose the particles that have no loss yet: the first batch of most algorithms."""
        unknown = np.flatnonzero(~self._known)[:limit]
        self._arrays.take(self._position, self._arrays.index(unknown), self._rows[: len(unknown)])
        return len(unknown)

    def _accept_start(self, losses: Losses, violations: Losses) -> None:
        """Take in what :meth:`_propose_start` proposed."""
        told = np.flatnonzero(~self._known)[: len(losses)]
        self._position[self._arrays.index(told)] = self._rows[: len(told)]
        if self.noisy:
            self._forget_losses()
        self._loss[told], self._violation[told] = losses, violations
        self._known[told] = True
        self._num_unknown -= len(told)

    def _forget_losses(self) -> None:
        """Drop the losses of earlier batches: under noise they decide nothing."""
        self._loss[:], self._violation[:] = math.inf, math.inf

    def _place(self, initial_positions: Any) -> None:
        """Fill the swarm uniformly, then put the caller's positions first."""
        self._box.sample(self._rng, self.population_size, self._position)
        if initial_positions is not None:
            given = self._checked_swarm("initial_positions", initial_positions)
            self._position[: given.shape[0]] = given

    def _checked_swarm(self, name: str, positions: Any) -> Array:
        """Return at most ``population_size`` positions inside the bounds as an array."""
        fix = "Pass positions inside the bounds, at most population_size of them."
        try:
            given = self._arrays.array(positions)
        except (TypeError, ValueError) as cause:
            got = type(positions).__name__
            raise ShapeError(explain(name, "a numeric array", got, fix)) from cause
        fits = given.ndim == 2 and given.shape[1] == self.num_dims
        if not fits or not 1 <= given.shape[0] <= self.population_size:
            expected = f"shape (k, {self.num_dims}), 1 <= k <= {self.population_size}"
            raise ShapeError(explain(name, expected, tuple(given.shape), fix))
        if not self._box.contains(given):
            expected, got = "numbers inside the bounds", "a row outside them"
            raise SettingError(explain(name, expected, got, fix))
        return given

    def _stop_at(
        self, target_loss: float | None, min_diversity: float | None, max_stagnation: int | None
    ) -> None:
        """Check and keep the stopping thresholds."""
        self.target_loss = None if target_loss is None else as_float("target_loss", target_loss)
        self.min_diversity = (
            None if min_diversity is None else as_float("min_diversity", min_diversity, low=0)
        )
        self.max_stagnation = (
            None if max_stagnation is None else as_int("max_stagnation", max_stagnation, low=1)
        )
        for name in ("target_loss", "max_stagnation"):
            if self.noisy and getattr(self, name) is not None:
                raise SettingError(
                    explain(
                        name,
                        "None with noisy=True, where one lucky loss proves nothing",
                        getattr(self, name),
                        "Stop by max_evaluations or min_diversity.",
                    )
                )

    def _refuse_missing(self, **needed: bool) -> None:
        """Raise if something is needed that ``capabilities`` lacks."""
        for capability, is_needed in needed.items():
            if is_needed and not getattr(self.capabilities, capability):
                error = StateError if capability == "exact_state" else SettingError
                why = self.capabilities.why or "The algorithm does not have it."
                raise error(explain(self.name, f"no use of {capability}", "one", why))

    def _checked_rows(self, positions: Any, count: int) -> Array | None:
        """Return the told positions if they differ from the asked ones, else ``None``."""
        try:
            rows = self._arrays.array(positions)
        except (TypeError, ValueError) as cause:
            fix = "Pass the rows that ask() returned."
            got = type(positions).__name__
            raise ShapeError(explain("positions", "a numeric array", got, fix)) from cause
        expected = (count, self.num_dims)
        if tuple(rows.shape) != expected:
            raise ShapeError(
                explain(
                    "positions",
                    f"shape {expected}, the rows ask() returned",
                    tuple(rows.shape),
                    "Pass all rows in their order.",
                )
            )
        if self._arrays.same(rows, self._rows[:count]):
            return None
        if not self._box.contains(rows):
            fix = "Tell the rows that ask() returned, or repaired ones inside the bounds."
            expected_rows, got = "numbers inside the bounds", "a row outside them"
            raise SettingError(explain("positions", expected_rows, got, fix))
        return rows

    def _checked_losses(self, losses: Any, violations: Any, count: int) -> tuple[Losses, Losses]:
        """Return float64 copies of losses and violations, infinite where a row failed."""
        losses = _checked_numbers("losses", losses, count)
        failed = ~np.isfinite(losses)
        if violations is None:
            violations = np.zeros(count)
        else:
            self._refuse_missing(violations=True)
            violations = _checked_numbers("violations", violations, count)
            if (violations < 0).any():
                fix = "Pass 0 for a feasible row."
                raise SettingError(explain("violations", ">= 0", violations.min(), fix))
            failed |= ~np.isfinite(violations)
        if np.count_nonzero(failed):
            losses = np.where(failed, math.inf, losses)
            violations = np.where(failed, math.inf, violations)
        return losses, violations

    def _record(self, rows: Array, losses: Losses, violations: Losses, generation: int) -> bool:
        """Remember the best of ``rows`` if it beats the best so far; return whether any succeeded.

        ``generation`` is what the stagnation is counted from.
        """
        row = best_row(losses, violations)
        loss, violation = losses[row], violations[row]
        if beats(loss, violation, self.best_loss, self.best_violation):
            self.best_loss, self.best_violation = float(loss), float(violation)
            self._best_position[...] = rows[row]
            self._best_generation = generation
        return bool(loss < math.inf)

    def _identity(self) -> dict[str, Any]:
        """Return what a state must share with the optimizer that loads it."""
        return {
            "optimizer": self.name,
            "version": _STATE_VERSION,
            "dtype": self._arrays.dtype.name,
            "num_dims": self.num_dims,
            "population_size": self.population_size,
            "noisy": self.noisy,
            "settings": self.settings,
            "lower": to_host(self._box.lower),
            "upper": to_host(self._box.upper),
        }

    @classmethod
    def _state_names(cls) -> list[str]:
        return [name for parent in cls.__mro__ for name in parent.__dict__.get("_state", ())]


def _plain(value: Any) -> np.ndarray[Any, Any]:
    """Return an array of any library, or a number, as a NumPy array of its own; a copy."""
    if not isinstance(value, np.ndarray | int | float):
        value = value.detach().cpu().numpy()
    return np.array(value)


def _form(array: np.ndarray[Any, Any]) -> str:
    """Return what form an array has, for comparison and for messages."""
    return f"shape {array.shape} of {array.dtype}"


def _equal(found: Any, own: Any) -> bool:
    """Return whether what a state holds is ``own``, whatever it holds."""
    try:
        return bool(np.array_equal(found, own))
    except (TypeError, ValueError):  # of another kind altogether
        return False


def _brief(value: Any) -> str:
    """Return ``value`` on one short line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _checked_numbers(name: str, values: Any, count: int) -> Losses:
    """Return a float64 copy of ``(count,)`` numbers."""
    try:
        found = to_host(values)
    except (TypeError, ValueError) as cause:
        fix = f"Pass one number for each of the {count} rows."
        raise ShapeError(explain(name, f"shape ({count},)", "a ragged list", fix)) from cause
    if found.dtype.kind not in "fiub":
        fix = "Pass numbers; NaN marks a failed row."
        raise SettingError(explain(name, "real numbers", f"dtype {found.dtype}", fix))
    if found.shape != (count,):
        raise ShapeError(
            explain(
                name,
                f"shape ({count},), one for each row ask() returned",
                found.shape,
                f"Pass {name} in the order of the rows.",
            )
        )
    return found.astype(np.float64)
