"""The commands that run one stage each, from what the stage before left on disk."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.formats import FORMATS

FORMAT_HELP = f"The raw layout: {', '.join(FORMATS)}."
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a config key; may be repeated."),
]
Memory = Annotated[str, typer.Option(help="The most memory for DuckDB, for example 4GB.")]
Threads = Annotated[int, typer.Option(help="CPU threads for DuckDB.")]


def ingest(
    raw: Annotated[list[Path], typer.Argument(help="Raw files or folders.")],
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    format_: Annotated[str, typer.Option("--format", help=FORMAT_HELP)] = "amazon_2014",
    memory: Memory = "4GB",
    threads: Threads = 2,
) -> None:
    """Read a raw dump into interactions and rejects."""
    from flows.config import build
    from flows.show import show_manifest
    from pipeline.config import DataConfig
    from pipeline.interactions import ingest as ingest_stage

    config = build(DataConfig, {"format": format_, "memory": memory, "threads": threads})
    show_manifest(ingest_stage(raw, out, config))


def prepare(
    raw: Annotated[
        list[Path], typer.Argument(help="Raw files or folders, or one folder made by ingest.")
    ],
    out: Annotated[Path | None, typer.Option(help="The prepared folder to make.")] = None,
    format_: Annotated[str | None, typer.Option("--format", help=FORMAT_HELP)] = None,
    name: Annotated[
        str | None,
        typer.Option(help="A known dataset's protocol, or the name of a folder in data/prepared."),
    ] = None,
    min_count: Annotated[int | None, typer.Option(help="k of the k-core.  [default: 5]")] = None,
    since: Annotated[str | None, typer.Option(help="From this time on (UTC), inclusive.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to this time (UTC), inclusive.")] = None,
    min_rating: Annotated[float | None, typer.Option(help="Rated at least this.")] = None,
    repeats: Annotated[str | None, typer.Option(help="keep, first or last.")] = None,
    similarity: Annotated[str, typer.Option(help="Of neighbours: iuf or cosine.")] = "iuf",
    top: Annotated[int, typer.Option(help="Neighbours for each item.")] = 10,
    memory: Memory = "4GB",
    threads: Threads = 2,
    text: Annotated[
        Path | None, typer.Option(help="Also write 'user item item ...' lines.")
    ] = None,
) -> None:
    """Make a prepared folder: k-core, sequences, passport, neighbours, all checked.

    Example: basrec prepare reviews.json.gz --format amazon_2014 --out data/prepared/mine
    """
    from flows.prepare import prepare_folder
    from flows.show import show_passport_table

    options: dict[str, Any] = {
        "format": format_,
        "min_count": min_count,
        "since": since,
        "until": until,
        "min_rating": min_rating,
        "repeats": repeats,
        "memory": memory,
        "threads": threads,
    }
    given = {key: value for key, value in options.items() if value is not None}
    folder = prepare_folder(raw, out, name, given, {"similarity": similarity, "top": top})
    if text:
        from pipeline.text import write_text

        write_text(folder, text)
    show_passport_table(folder)


def neighbours(
    prepared: Annotated[Path, typer.Argument(help="A prepared folder.")],
    similarity: Annotated[str, typer.Option(help="iuf or cosine.")] = "iuf",
    top: Annotated[int, typer.Option(help="Neighbours for each item.")] = 10,
    memory: Memory = "4GB",
    threads: Threads = 2,
) -> None:
    """Find each item's most similar items, over the training part alone."""
    from flows.config import build
    from flows.show import show_manifest
    from pipeline.config import DataConfig, NeighbourConfig
    from pipeline.neighbours import add_neighbours
    from pipeline.schemas import validate

    build(DataConfig, {"memory": memory, "threads": threads})
    config = build(NeighbourConfig, {"similarity": similarity, "top": top})
    show_manifest(add_neighbours(prepared, config, memory, threads))
    validate(prepared)


def train(
    prepared: Annotated[Path, typer.Argument(help="A prepared folder.")],
    out: Annotated[Path, typer.Option(help="The run folder to make.")],
    backbone: Annotated[str | None, typer.Option(help="sasrec.")] = None,
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
        Path | None, typer.Option(help="The page to write.  [default: in the first run]")
    ] = None,
) -> None:
    """Write one self-contained HTML page that compares runs."""
    from basrec.report import write_report

    typer.echo(write_report(runs, out or runs[0] / "report.html"))


STAGE_COMMANDS = (ingest, prepare, neighbours, train, evaluate, report)
