"""`swarmnas evaluate` and `swarmnas export`: what a trained network is worth, and handing it on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from swarmnas_cli.flags import AsJson

_RUN = typer.Argument(help="The directory of a finished training, or of an export.")


def evaluate(
    run: Annotated[Path, _RUN],
    dataset: Annotated[
        str | None, typer.Option(help="Other images of the same classes; its own if unset.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where torchvision keeps its data sets.")
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Let torchvision download a missing data set.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    batch: Annotated[int, typer.Option(min=1, help="Images a pass, for latency and memory.")] = 1,
    runs: Annotated[int, typer.Option(min=2, help="Passes that are timed.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Evaluate a trained network on its test images, and measure what it takes."""
    from swarmnas.training import assess  # imports torch, which takes seconds

    report = assess(
        run,
        dataset=dataset,
        data_dir=data_dir,
        download=download,
        device=device,
        batch=batch,
        runs=runs,
    )
    if as_json:
        typer.echo(json.dumps(report))
    else:
        _print(report)


def export(
    run: Annotated[Path, _RUN],
    out: Annotated[Path | None, typer.Option(help="Where to; RUN-export by default.")] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="torch-export or onnx; may be repeated. If unset, all there are packages for.",
        ),
    ] = None,
) -> None:
    """Write weights, programs that need no swarmnas, and a model card."""
    from swarmnas.training.export import FORMATS, possible_formats
    from swarmnas.training.export import export as write

    chosen = formats or possible_formats()
    for path in write(run, out or Path(f"{run}-export"), formats=chosen):
        typer.echo(str(path))
    if not formats and "onnx" not in chosen:
        typer.echo(f"Without {FORMATS['onnx']}: it needs pip install 'swarmnas[onnx]'.", err=True)


def _print(report: Mapping[str, Any]) -> None:
    console = Console()
    low, high = report["interval"]
    time = report["latency"]
    rows = {
        "accuracy": f"{100 * report['accuracy']:.2f} % (95 % interval {100 * low:.2f} to "
        f"{100 * high:.2f}, {report['num_images']:,} {report['split']} images)",
        "loss": f"{report['loss']:.4f}",
        "calibration error": f"{report['calibration_error']:.4f} (15 bins)",
        "parameters": f"{report['parameters']:,}",
        "multiply-adds": f"{report['flops']:,} an image",
        "latency": f"{1e3 * time['median']:.2f} ms for {report['batch']} image(s) on "
        f"{report['device']} (median of {time['runs']}; quartiles {1e3 * time['low']:.2f} to "
        f"{1e3 * time['high']:.2f})",
        "peak memory": f"{report['peak_memory'] / 2**20:.2f} MiB of tensors",
    }
    view = Table(title=f"On {report['dataset']}", title_justify="left", show_header=False, box=None)
    for name, text in rows.items():
        view.add_row(name, text)
    console.print(view)
    console.print(_confusion(report))


def _confusion(report: Mapping[str, Any], most: int = 12) -> Table:
    """Return the confusion matrix, or its largest entries off the diagonal where it is too wide."""
    names, matrix = report["class_names"], report["confusion"]
    if len(matrix) <= most:
        view = Table(title="Label (row) and answer (column)", title_justify="left", box=None)
        view.add_column("")
        for name in names:
            view.add_column(name, justify="right", no_wrap=True)
        for name, row in zip(names, matrix, strict=True):
            view.add_row(name, *map(str, row))
        return view
    view = Table(title="Most frequent confusions", title_justify="left", box=None)
    for column in ("label", "answer", "images"):
        view.add_column(column)
    pairs = [(count, i, j) for i, row in enumerate(matrix) for j, count in enumerate(row) if i != j]
    for count, label, answer in sorted(pairs, reverse=True)[:most]:
        view.add_row(names[label], names[answer], str(count))
    return view
