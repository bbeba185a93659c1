"""The command `basrec`. Heavy imports are inside the commands, so that --help is quick."""

import os
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.errors import told_in_one_line

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Raw review dumps to trained, evaluated sequential recommenders.",
    epilog=(
        "Try it: [bold]basrec run configs/sample.yaml[/], then "
        "[bold]basrec run --dataset beauty --set raw=reviews_Beauty_5.json.gz[/]."
    ),
)

DataFolder = Annotated[Path, typer.Option("--data", help="Where all folders are.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a config key; may be repeated."),
]
Memory = Annotated[str, typer.Option(help="The most memory for DuckDB, for example 4GB.")]
Threads = Annotated[int, typer.Option(help="CPU threads for DuckDB.")]


def main() -> None:
    """Run the command line."""
    with told_in_one_line():
        app()


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"basrec {metadata.version('basrec')}")
        raise typer.Exit()


@app.callback()
def common(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Set what all commands share."""
    if debug:
        os.environ["BASREC_DEBUG"] = "1"


@app.command()
def run(
    config: Annotated[Path | None, typer.Argument(help="A config file (YAML).")] = None,
    dataset: Annotated[str | None, typer.Option(help="A known dataset (basrec datasets).")] = None,
    set_: Overrides = None,
    flow: Annotated[
        str, typer.Option(help="rebuild, prepare, neighbours, train or evaluate.")
    ] = "rebuild",
    data: DataFolder = Path("data"),
) -> None:
    """Run the whole way, raw dump to report, as a Prefect flow.

    What has not changed since the last time is not done again.
    """
    from flows.config import resolve
    from flows.run import run_flow
    from pipeline.errors import InputError

    if config is None and dataset is None:
        raise InputError("nothing to run: name a CONFIG file or a --dataset (see basrec datasets)")
    run_flow(flow, resolve(config, dataset, set_ or []), data)


@app.command()
def sample(
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path(
        "data/raw/sample/sample.json.gz"
    ),
    rows: Annotated[int, typer.Option(min=100, help="About how many reviews.")] = 60_000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 7,
) -> None:
    """Write a synthetic raw dump in the Amazon 2018 layout."""
    from pipeline.sample import write_sample

    done = write_sample(out, rows, seed)
    typer.echo(
        f"{done.path}: {done.rows} rows ({done.broken} broken), {done.users} users, "
        f"{done.items} items; synthetic"
    )


@app.command()
def ingest(
    raw: Annotated[list[Path], typer.Argument(help="Raw files or folders.")],
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    format_: Annotated[str, typer.Option("--format", help="The raw layout.")] = "amazon_2014",
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


@app.command()
def prepare(
    raw: Annotated[
        list[Path], typer.Argument(help="Raw files or folders, or one folder made by ingest.")
    ],
    out: Annotated[Path | None, typer.Option(help="The prepared folder to make.")] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="The raw layout; see the README for all.")
    ] = None,
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


@app.command()
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


@app.command()
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
    from basrec.training import train as train_stage
    from flows.progress import training_bar
    from flows.run import training_config
    from flows.show import show_runs

    options = {"method": method, "preset": preset, "seed": seed, "device": device}
    config = training_config(dataset, backbone, options, set_ or [])
    with training_bar(config.method) as on_epoch:
        train_stage(prepared, out, config, resume=resume, start_from=start_from, on_epoch=on_epoch)
    show_runs([out])


@app.command()
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


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Finished run folders, the base one first.")],
    out: Annotated[
        Path | None, typer.Option(help="The page to write.  [default: in the first run]")
    ] = None,
) -> None:
    """Write one self-contained HTML page that compares runs."""
    from basrec.report import write_report

    typer.echo(write_report(runs, out or runs[0] / "report.html"))


@app.command()
def datasets(
    name: Annotated[str | None, typer.Argument(help="Show all that is known of one.")] = None,
) -> None:
    """List the known datasets: source, licence, size, published counts."""
    from flows.show import show_dataset, show_datasets

    show_dataset(name) if name else show_datasets()


@app.command()
def download(
    name: Annotated[str, typer.Argument(help="A known dataset.")],
    data: DataFolder = Path("data"),
) -> None:
    """Fetch a dataset's raw dump from its publisher; goes on where it broke off."""
    from flows.progress import download_bar
    from pipeline.datasets import load_dataset
    from pipeline.download import download as download_stage

    entry = load_dataset(name)
    with download_bar(name) as progress:
        path = download_stage(entry, data / "raw" / name, progress)
    typer.echo(path)
