"""The command `basrec`. Heavy imports are inside the commands, so that --help is quick."""

import os
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from flows.data_commands import DATA_COMMANDS
from flows.errors import end_on_sigterm, told_in_one_line
from flows.progress import show_warnings
from flows.publish_commands import PUBLISH_COMMANDS
from flows.search_command import search
from flows.sweep_command import sweep
from flows.train_commands import TRAIN_COMMANDS, Overrides

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


def main() -> None:
    """Run the command line."""
    end_on_sigterm()
    show_warnings()
    with told_in_one_line():
        raise SystemExit(app(standalone_mode=False) or 0)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"basrec {metadata.version('basrec')}")
        raise typer.Exit()


@app.callback()
def common(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
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
        str, typer.Option(help="rebuild, prepare, neighbours, train, evaluate or publish.")
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


@app.command()
def serve(
    data: DataFolder = Path("data"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where on loopback.")] = 4200,
    jobs: Annotated[int, typer.Option(min=1, help="Flow runs at once.")] = 2,
    redeploy: Annotated[
        bool,
        typer.Option("--redeploy", help="Deploy anew what is deployed; changes in the UI go."),
    ] = False,
) -> None:
    """Start a Prefect server with UI and a worker on this machine, everything deployed.

    Its database and logs are in the data folder, and found again by the next start.
    """
    from flows.serve import serve as serve_all

    serve_all(data, port, jobs, redeploy)


for command in (*DATA_COMMANDS, *TRAIN_COMMANDS, *PUBLISH_COMMANDS, search, sweep):
    app.command()(command)
