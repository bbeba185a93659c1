"""The commands that train, measure and report, each from what the stage before left on disk."""

from pathlib import Path
from typing import Annotated

import typer

Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a config key; may be repeated."),
]


def train(
    prepared: Annotated[Path, typer.Argument(help="A prepared folder.")],
    out: Annotated[Path, typer.Option(help="The run folder to make.")],
    backbone: Annotated[
        str | None, typer.Option(help="sasrec, gru4rec, nextitnet or fmlp.")
    ] = None,
    method: Annotated[str | None, typer.Option(help="base or basrec.")] = None,
    preset: Annotated[str | None, typer.Option(help="paper, reference or strict.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same weights.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Take the published settings for a known dataset.")
    ] = None,
    set_: Overrides = None,
    start_from: Annotated[
        Path | None, typer.Option(help="A base run whose weights are stage 1's result.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a killed run.")] = False,
) -> None:
    """Train on a prepared folder: stage 1, and with method basrec stage 2.

    Example: basrec train data/prepared/mine --out data/runs/mine --preset reference --seed 1
    """
    from basrec.report import write_own_report
    from basrec.training import train as train_stage
    from flows.progress import training_bar
    from flows.run import training_config
    from flows.show import show_runs

    options = {"method": method, "preset": preset, "seed": seed, "device": device}
    config = training_config(dataset, backbone, options, set_ or [])
    with training_bar(config.method) as on_epoch:
        train_stage(prepared, out, config, resume=resume, start_from=start_from, on_epoch=on_epoch)
    write_own_report(out)
    show_runs([out])


def evaluate(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run folder.")],
    split: Annotated[str, typer.Option(help="test or validation.")] = "test",
    prepared: Annotated[
        Path | None, typer.Option(help="Another prepared folder than the run's own.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
) -> None:
    """Rank all items for every user and print the metrics as JSON."""
    import json

    from basrec.evaluation import evaluate as evaluate_stage
    from pipeline.errors import InputError

    if split not in ("test", "validation"):
        raise InputError(f"--split {split!r}: write test or validation")
    typer.echo(json.dumps(evaluate_stage(run_folder, split, prepared, device), indent=2))  # type: ignore[arg-type]


def report(
    runs: Annotated[list[Path], typer.Argument(help="Finished run folders, the base one first.")],
    out: Annotated[
        Path | None, typer.Option(help="The page to write.", show_default="in the first run")
    ] = None,
) -> None:
    """Write one self-contained HTML page that compares runs."""
    from basrec.report import write_report

    typer.echo(write_report(runs, out or runs[0] / "report.html"))


def export(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run folder.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    form: Annotated[
        str, typer.Option(help="onnx, or torch for a program of torch.export (.pt2).")
    ] = "onnx",
) -> None:
    """Write the encoder of a run as one file that runs without this library.

    It takes item ids, padded with 0 on the left, and gives vectors and scores of all items.
    """
    from basrec.export import export as export_stage

    typer.echo(export_stage(run_folder, out, form))  # type: ignore[arg-type]


TRAIN_COMMANDS = (train, evaluate, report, export)
