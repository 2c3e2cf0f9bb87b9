"""Trackers as callbacks of a search: TensorBoard, MLflow, Weights & Biases.

They hear what our own records hear; pass them in ``callbacks=[...]``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from swarmnas.checks import require
from swarmnas.runs import Callback

__all__ = ["MLflow", "TensorBoard", "WeightsAndBiases"]


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield values by their path, joined by points."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _numbers(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a record, clocks and all, by path."""
    return {
        key: float(value)
        for key, value in _flat(record)
        if isinstance(value, int | float) and not isinstance(value, bool) and key != "epoch"
    }


def _in_words(record: Mapping[str, Any]) -> bool:
    """Return whether a record is told in words, as decisions and candidates are."""
    return "reason" in record


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


class TensorBoard(Callback):
    """Writes the numbers of each epoch, and decisions and candidates as text, for TensorBoard.

    Args:
        directory: Where TensorBoard's files go.

    Raises:
        MissingDependencyError: TensorBoard is not installed.
    """

    def __init__(self, directory: Path | str) -> None:
        require("tensorboard", extra="tensorboard", needed_by="TensorBoard")
        torch = require("torch.utils.tensorboard", extra="tensorboard", needed_by="TensorBoard")
        self._open, self._directory = torch.SummaryWriter, str(directory)
        self._writer: Any = None

    def on_start(self, config: Mapping[str, Any]) -> None:
        """Open the directory, which may be inside that of the run, and write the configuration."""
        self._writer = self._open(self._directory)
        self._writer.add_text("config", f"```\n{json.dumps(config, indent=1, default=str)}\n```")

    def on_record(self, record: Mapping[str, Any]) -> None:
        """Write an epoch's numbers, or what else the search tells, by its kind."""
        epoch = int(record.get("epoch", 0))
        if _in_words(record):
            self._writer.add_text(record["kind"], record["reason"], epoch)
            return
        for key, value in _numbers(record).items():
            self._writer.add_scalar(key.replace(".", "/"), value, epoch)
        self._writer.flush()

    def on_end(self, result: Mapping[str, Any]) -> None:
        """Write what was found, and close."""
        self._writer.add_text("result", f"```\n{json.dumps(result, indent=1, default=str)}\n```")
        self._writer.close()


class MLflow(Callback):
    """Logs a search as a run of MLflow: parameters, metrics, decisions and result.

    It logs where MLflow is set to, a file store or a server. A run that is active already is
    used and left open.

    Args:
        run_name: The name of a run that is started here.

    Raises:
        MissingDependencyError: MLflow is not installed.
    """

    def __init__(self, run_name: str | None = None) -> None:
        self._mlflow = require("mlflow", extra="mlflow", needed_by="MLflow")
        self._run_name, self._started = run_name, False
        self._told: list[str] = []

    def on_start(self, config: Mapping[str, Any]) -> None:
        """Start a run where none is active, and log the configuration."""
        if self._mlflow.active_run() is None:
            self._mlflow.start_run(run_name=self._run_name)
            self._started = True
        self._mlflow.log_params({key: _text(value)[:500] for key, value in _flat(config)})

    def on_record(self, record: Mapping[str, Any]) -> None:
        """Log an epoch's numbers, or keep what else the search tells."""
        epoch = int(record.get("epoch", 0))
        if _in_words(record):
            self._told.append(f"epoch {epoch}: {record['reason']}")
            self._mlflow.log_text("\n".join(self._told), "decisions.txt")
        else:
            self._mlflow.log_metrics(_numbers(record), step=epoch)

    def on_end(self, result: Mapping[str, Any]) -> None:
        """Log what was found, and end the run that was started here."""
        self._mlflow.log_text(json.dumps(result, indent=1, default=str), "result.json")
        if self._started:
            self._mlflow.end_run()


class WeightsAndBiases(Callback):
    """Logs a search as a run of Weights & Biases.

    Args:
        **init: What ``wandb.init`` takes, for example ``project``, ``mode="offline"``, ``dir``.

    Raises:
        MissingDependencyError: wandb is not installed.
    """

    def __init__(self, **init: Any) -> None:
        self._wandb = require("wandb", extra="wandb", needed_by="WeightsAndBiases")
        self._init = init
        self._run: Any = None

    def on_start(self, config: Mapping[str, Any]) -> None:
        """Start the run with the configuration."""
        self._run = self._wandb.init(**{"config": dict(_flat(config)), **self._init})

    def on_record(self, record: Mapping[str, Any]) -> None:
        """Log an epoch's numbers, or what else the search tells, by its kind."""
        if _in_words(record):
            self._run.log({record["kind"]: record["reason"]})
        else:
            self._run.log({"epoch": record.get("epoch"), **_numbers(record)})

    def on_end(self, result: Mapping[str, Any]) -> None:
        """Put what was found into the summary, and finish the run."""
        self._run.summary.update({key: _text(value) for key, value in _flat(result)})
        self._run.finish()
