"""`basrec sweep`: a grid of trainings, resumable, into one table."""

from pathlib import Path
from typing import Annotated

import typer


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
    from flows.config import build, parse_overrides
    from flows.run import quieten_prefect
    from flows.sweep_request import SweepRequest, check_prepared, check_same_experiment

    quieten_prefect()
    settings = parse_overrides(set_ or [])
    asked = {"experiment": experiment, "only": only or [], "settings": settings, "jobs": jobs}
    request = build(SweepRequest, asked)
    loaded, _, chosen = request.cells(data)
    check_same_experiment(loaded, data)
    if dry_run:
        from flows.sweep_show import show_cells

        show_cells(chosen, data)
        return
    check_prepared(chosen, data)
    from flows.own_server import start_server

    wait_for_server = start_server()
    from flows.sweep import CellsFailed, sweep_flow
    from flows.sweep_show import show_sweep

    wait_for_server()
    try:
        show_sweep(sweep_flow(request, data))
    except CellsFailed as exc:
        show_sweep(exc.ledger)
        raise
