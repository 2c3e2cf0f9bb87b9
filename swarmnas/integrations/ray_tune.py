"""Ray Tune: a swarm as a searcher."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swarmnas.checks import explain, require
from swarmnas.errors import SettingError
from swarmnas.integrations.dimensions import Dimension, swarm_in_cube
from swarmnas.optimizers import Candidate, OneByOne
from swarmnas.rng import generator

require("ray.tune", extra="ray", needed_by="SwarmSearch")
from ray.tune.search import Searcher  # noqa: E402 - after the check
from ray.tune.search import sample as domains  # noqa: E402
from ray.tune.search.variant_generator import parse_spec_vars  # noqa: E402

__all__ = ["SwarmSearch"]


class SwarmSearch(Searcher):  # type: ignore[misc]
    """Suggests configurations by a swarm.

    Results go to the particle that a trial evaluates, in whatever order trials end; trials that
    error are failed rows. Once a generation is out, ``suggest`` answers None until all but
    ``stragglers`` of it are back. Float and integer domains, logarithmic and quantised ones too,
    are dimensions of the swarm; ``choice`` is drawn at random, independently. The search is saved
    with the experiment, and ``Tuner.restore`` continues it.

    Args:
        method: A registered optimizer.
        metric: What ``tune.report`` calls the objective; ``None`` takes ``TuneConfig``'s.
        mode: "min" or "max"; ``None`` takes ``TuneConfig``'s.
        population_size: Particles; ``None`` is 16, or what the method recommends if less.
        seed: An integer >= 0.
        stragglers: The most trials that may be out when the next generation starts; give the
            number of concurrent trials less one, and no worker waits.
        **settings: Further settings of the optimizer.

    Raises:
        MissingDependencyError: Ray Tune is not installed.
        UnknownNameError: No such optimizer or setting.
        SettingError: A setting is outside what it allows, or a domain is none of the above.
    """

    def __init__(
        self,
        method: str = "icso",
        *,
        metric: str | None = None,
        mode: str | None = None,
        population_size: int | None = None,
        seed: int,
        stragglers: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__(metric=metric, mode=mode)
        self._method, self._population_size, self._settings = method, population_size, settings
        self._seed, self._stragglers = seed, stragglers
        self._make(num_dims=1)  # says now what is wrong
        self._space: dict[tuple[str, ...], Dimension] = {}
        self._choices: dict[tuple[str, ...], Any] = {}
        self._swarm: OneByOne | None = None
        self._live: dict[str, Candidate] = {}
        self._events: list[list[Any]] = []
        """A trial's name with None when it was suggested, with its loss when it was told."""
        self._restored: list[list[Any]] = []

    def _make(self, *, num_dims: int) -> OneByOne:
        swarm = swarm_in_cube(
            self._method,
            num_dims=num_dims,
            seed=self._seed,
            population_size=self._population_size,
            settings=self._settings,
        )
        return OneByOne(swarm, stragglers=self._stragglers)

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: Mapping[str, Any], **_: Any
    ) -> bool:
        """Take the space and the objective from the experiment; once."""
        if self._swarm is not None:
            return False
        _, found, grids = parse_spec_vars(config)
        if grids:
            fix = "Use tune.choice, or leave the grid to BasicVariantGenerator."
            raise SettingError(explain(f"SwarmSearch, {grids[0][0][-1]}", "no grid", "one", fix))
        for path, domain in found:
            if isinstance(domain, domains.Categorical):
                self._choices[path] = domain.categories
            else:
                self._space[path] = _dimension(path, domain)
        if not self._space:
            fix = "Use tune.uniform, tune.randint and their like, or another searcher."
            raise SettingError(explain("SwarmSearch", "a numeric domain", "none", fix))
        if metric:
            self._metric = metric
        if mode:
            self._mode = mode
        self._swarm = self._make(num_dims=len(self._space))
        self._replay()
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """Return a configuration; None while the generation is out."""
        if self._swarm is None:
            fix = "Give it to tune.Tuner with a param_space."
            raise SettingError(explain("SwarmSearch", "a space", "none", fix))
        if not self._swarm.fresh:
            return None
        candidate = self._swarm.ask()
        self._live[trial_id] = candidate
        self._events.append([trial_id, None])
        rng = generator(self._seed, candidate.number)
        values: dict[tuple[str, ...], Any] = {
            path: dimension.decode(unit)
            for (path, dimension), unit in zip(self._space.items(), candidate.position, strict=True)
        }
        for path, choices in self._choices.items():
            values[path] = choices[int(rng.integers(len(choices)))]
        return _nested(values)

    def on_trial_complete(
        self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False
    ) -> None:
        """Take the result of a trial; one that failed or reports no number is a failed row."""
        value = (result or {}).get(self._metric)
        loss = math.nan if error or value is None else float(value)
        loss = -loss if self._mode == "max" else loss
        self._tell(trial_id, loss)

    def _tell(self, trial_id: str, loss: float) -> None:
        candidate = self._live.pop(trial_id, None)
        if candidate is not None and self._swarm is not None:
            self._swarm.tell(candidate, loss)
            self._events.append([trial_id, loss])

    def save(self, checkpoint_path: str) -> None:
        """Write what was suggested and told, in order: the swarm follows from it."""
        Path(checkpoint_path).write_text(json.dumps(self._events), encoding="utf-8")

    def restore(self, checkpoint_path: str) -> None:
        """Continue where :meth:`save` was called, after ``set_search_properties`` or before."""
        self._restored = json.loads(Path(checkpoint_path).read_text(encoding="utf-8"))
        if self._swarm is not None:
            self._swarm = self._make(num_dims=len(self._space))
            self._replay()

    def _replay(self) -> None:
        events, self._restored, self._live, self._events = self._restored, [], {}, []
        for trial_id, loss in events:
            if loss is None:
                self.suggest(trial_id)
            else:
                self._tell(trial_id, loss)


def _nested(values: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """Return values by path as dicts in dicts."""
    config: dict[str, Any] = {}
    for (*parents, name), value in values.items():
        inner = config
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[name] = value
    return config


def _dimension(path: tuple[str, ...], domain: Any) -> Dimension:
    """Return a domain of Ray's as a dimension with the same distribution."""
    sampler, step = domain.get_sampler(), 0.0
    if isinstance(sampler, domains.Quantized):
        sampler, step = sampler.get_sampler(), float(sampler.q)
    log = isinstance(sampler, domains.LogUniform)
    is_integer = isinstance(domain, domains.Integer)
    if not (is_integer or isinstance(domain, domains.Float)) or not (
        log or isinstance(sampler, domains.Uniform)
    ):
        fix = "Use uniform, loguniform, randint, lograndint, their q-forms, or choice."
        got = f"{type(domain).__name__} sampled by {type(sampler).__name__}"
        where = f"SwarmSearch, {'/'.join(map(str, path))}"
        raise SettingError(explain(where, "a uniform or log-uniform domain", got, fix))
    if not step and not is_integer:
        return Dimension(low=domain.lower, high=domain.upper, log=log)
    step = step or 1.0
    first = math.ceil(round(domain.lower / step, 9)) * step
    last = math.floor(round(domain.upper / step, 9)) * step
    if is_integer:  # Ray draws the index of a grid point; only without steps is the end left out
        end = last if step == 1 else last + step
        edge, count = first, round((end - first) / step)
    else:
        end, edge, count = last, first - step / 2, round((last - first) / step) + 1
    return Dimension(
        low=first, high=end, log=log, step=step, origin=first, edge=edge, count=count,
        integer=is_integer,
    )  # fmt: skip
