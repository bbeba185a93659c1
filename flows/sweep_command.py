"""`basrec sweep`: a grid of trainings, resumable, into one table."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from flows.experiment import Cell


def sweep(
    experiment: Annotated[
        str, typer.Argument(help="A file (YAML), or one that is shipped: quick, table2 ... table6.")
    ],
    data: Annotated[Path, typer.Option("--data", help="Where all folders are.")] = Path("data"),
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Trainings at once.", show_default="all cores")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Only these: dataset, backbone, variant or seed; values by comma; repeatable.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a config key for all cells, except where a variant says otherwise.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the cells, and which are done.")
    ] = False,
) -> None:
    """Train a grid of datasets, backbones, methods and seeds side by side, into one table.

    A killed sweep goes on where it was; what is done is not done again.
    """
    from flows.config import parse_overrides
    from flows.experiment import cells, load_experiment, selected
    from flows.run import quieten_prefect

    quieten_prefect()
    loaded = load_experiment(experiment, parse_overrides(set_ or []))
    grid = cells(loaded, data)
    chosen = selected(grid, only or [])
    if dry_run:
        from flows.sweep_show import show_cells

        show_cells(chosen, data)
        return
    check_prepared(chosen, data)
    from flows.sweep import CellsFailed, run_sweep
    from flows.sweep_show import show_sweep

    try:
        show_sweep(run_sweep(loaded, grid, chosen, data, jobs or default_jobs(chosen)))
    except CellsFailed as exc:
        show_sweep(exc.ledger)
        raise


def check_prepared(chosen: "list[Cell]", data: Path) -> None:
    """Refuse datasets that are not prepared; the sample is prepared by the sweep itself."""
    from flows.folders import Folders
    from flows.sweep import is_prepared
    from pipeline.errors import InputError

    for name in dict.fromkeys(cell.dataset for cell in chosen):
        if name != "sample" and not is_prepared(name, data):
            where = "" if data == Path("data") else f" --data {data}"
            raise InputError(
                f"{Folders(data, name).prepared}: not prepared; run "
                f"'basrec run --dataset {name} --flow prepare --set raw=PATH{where}'"
            )


def default_jobs(chosen: "list[Cell]") -> int:
    """Give as many processes as there are cores for their threads."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = max((cell.config.train.threads or cores or 1 for cell in chosen), default=1)
    return max(1, (cores or 1) // threads)
