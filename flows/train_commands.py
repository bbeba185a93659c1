"""The commands that train, measure and report, each from what the stage before left on disk."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a config key; may be repeated."),
]
PreparedFolder = Annotated[Path, typer.Argument(help="A prepared folder.")]
Backbone = Annotated[str | None, typer.Option(help="sasrec, gru4rec, nextitnet or fmlp.")]
Preset = Annotated[str | None, typer.Option(help="paper, reference, strict or best.")]
Seed = Annotated[int | None, typer.Option(help="Same seed, same weights.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda.")]
Dataset = Annotated[
    str | None, typer.Option(help="Take the published settings for a known dataset.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a killed run.")]
METHODS = (
    "base, basrec, random, random_seq, sliding_window, cmr, cmrsi, asrep, diffuasr or cl4srec."
)


def generate(
    prepared: PreparedFolder,
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    method: Annotated[str, typer.Option(help="random, random_seq, asrep or diffuasr.")],
    backbone: Backbone = None,
    preset: Preset = None,
    seed: Seed = None,
    device: Device = None,
    dataset: Dataset = None,
    set_: Overrides = None,
    resume: Resume = False,
) -> None:
    """Generate items to put before each user's own, for 'basrec train --generated'.

    Example: basrec generate data/prepared/mine --method asrep --out data/generated/mine/asrep
    """
    from basrec.generation import generate as generate_stage
    from flows.lock import alone, lock_beside
    from flows.progress import training_bar
    from flows.run import training_config

    options = {"method": method, "preset": preset, "seed": seed, "device": device}
    config = training_config(dataset, backbone, options, set_ or [])
    with alone(lock_beside(out), str(out)), training_bar(method) as on_epoch:
        told = generate_stage(prepared, out, config, resume=resume, on_epoch=on_epoch)
    rows, done = told["rows"], "reused" if told["reused"] else f"{told['seconds']:.1f} s"
    typer.echo(f"generate: {done}; {rows['items']:,} items for {rows['users']:,} users; {out}")


def train(
    prepared: PreparedFolder,
    out: Annotated[Path, typer.Option(help="The run folder to make.")],
    backbone: Backbone = None,
    method: Annotated[str | None, typer.Option(help=METHODS, show_default="basrec")] = None,
    preset: Preset = None,
    seed: Seed = None,
    device: Device = None,
    dataset: Dataset = None,
    set_: Overrides = None,
    start_from: Annotated[
        Path | None, typer.Option(help="A base run whose weights are stage 1's result.")
    ] = None,
    generated: Annotated[
        Path | None, typer.Option(help="What 'basrec generate' made with this method.")
    ] = None,
    resume: Resume = False,
) -> None:
    """Train on a prepared folder, with method basrec in two stages.

    Example: basrec train data/prepared/mine --out data/runs/mine --preset reference --seed 1
    """
    from basrec.report import write_own_report
    from basrec.training import train as train_stage
    from flows.lock import alone, lock_beside
    from flows.progress import training_bar
    from flows.run import training_config
    from flows.show import show_runs

    options = {"method": method, "preset": preset, "seed": seed, "device": device}
    config = training_config(dataset, backbone, options, set_ or [])
    stood_before = (out / "manifest.json").exists()
    with alone(lock_beside(out), str(out)), training_bar(config.method) as on_epoch:
        manifest = train_stage(
            prepared,
            out,
            config,
            resume=resume,
            start_from=start_from,
            generated=generated,
            on_epoch=on_epoch,
        )
    write_own_report(out)
    if stood_before and not manifest["reused"]:
        typer.echo(f"{out}: replaced a run of another config, data or code")
    show_runs([out])


def evaluate(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run folder.")],
    split: Annotated[str, typer.Option(help="test or validation.")] = "test",
    prepared: Annotated[
        Path | None, typer.Option(help="Another prepared folder than the run's own.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    seen: Annotated[
        str | None, typer.Option(help="Judge by another rule for seen items: mask, zero or keep.")
    ] = None,
    ties: Annotated[
        str | None, typer.Option(help="And for ties: pessimistic, optimistic or mean.")
    ] = None,
) -> None:
    """Rank all items for every user and print the metrics as JSON."""
    import json

    from basrec.config import EvaluationConfig
    from basrec.evaluation import evaluate as evaluate_stage
    from basrec.run_folder import read_config
    from flows.config import build
    from pipeline.errors import InputError

    if split not in ("test", "validation"):
        raise InputError(f"--split {split!r}: write test or validation")
    own = read_config(run_folder)[0].evaluation.model_dump()
    given = {name: value for name, value in (("seen", seen), ("ties", ties)) if value is not None}
    rules = build(EvaluationConfig, own | given)
    told = evaluate_stage(run_folder, split, prepared, device, rules)  # type: ignore[arg-type]
    typer.echo(json.dumps(told, indent=2))


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="SWEEP | RUN...",
            help="A sweep's folder, or finished run folders, the base one first.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The page to write.", show_default="report.html in the first folder"),
    ] = None,
) -> None:
    """Write one self-contained HTML page about a sweep, or one that compares runs.

    For a sweep the same tables come beside it as Markdown (.md), LaTeX (.tex) and JSON (.json).
    Example: basrec report data/sweeps/table2
    """
    from basrec.experiment_page import write_experiment_report
    from basrec.report import write_report
    from basrec.stated import EXPERIMENT
    from basrec.sweep_folder import data_of
    from basrec.sweep_tables import TABLES, is_sweep
    from pipeline.datasets import configs_folder
    from pipeline.errors import InputError

    sweeps = [folder for folder in folders if is_sweep(folder)]
    if sweeps and len(folders) > 1:
        raise InputError(f"{sweeps[0]}: is a sweep; report on it alone")
    if not sweeps and not (folders[0] / "config.yaml").is_file():
        told = f"no run folder (it has no config.yaml), and no sweep's ({' or '.join(TABLES)})"
        raise InputError(f"{folders[0]}: {told}")
    if sweeps:
        published = configs_folder() / "published"
        words = ["basrec", "sweep", str(sweeps[0] / EXPERIMENT)]
        data = data_of(sweeps[0])
        if data != Path("data").resolve() and (data / "runs").is_dir():
            words += ["--data", str(data)]
        typer.echo(write_experiment_report(sweeps[0], published, out, shlex.join(words)))
    else:
        typer.echo(write_report(folders, out or folders[0] / "report.html"))


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


def analyse(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Finished runs of methods that augment.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="The page to write.", show_default="in the first run")
    ] = None,
    prepared: Annotated[
        Path | None, typer.Option(help="Where the data that they were trained on lie now.")
    ] = None,
) -> None:
    """Tell what augmentation made of the data: similarity, edits, transitions, loss weights."""
    from basrec.analysis_page import write_analysis
    from flows.show import show_analyses

    page = out or runs[0] / "analysis.html"
    show_analyses(write_analysis(runs, page, prepared))
    typer.echo(page)


TRAIN_COMMANDS = (generate, train, evaluate, report, analyse, export)
