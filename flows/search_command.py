"""The command that searches hyperparameters."""

from pathlib import Path
from typing import Annotated

import typer


def search(
    file: Annotated[
        Path, typer.Argument(metavar="SEARCH", help="A search file (YAML), or paper-grid, quick.")
    ],
    trials: Annotated[
        int | None, typer.Option(min=1, help="So many trials in all; a finished search goes on.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A key of the search, or a config key it fixes."
        ),
    ] = None,
    data: Annotated[Path, typer.Option("--data", help="Where all folders are.")] = Path("data"),
) -> None:
    """Search hyperparameters, choosing on validation only; a killed search goes on by itself.

    Example: basrec search quick --trials 20 --set augmentation.edit=whole
    """
    from flows.search import run_search
    from flows.search_config import load_search
    from flows.search_view import search_view, show_search

    changes = [*(set_ or []), *([f"trials={trials}"] if trials else [])]
    told = load_search(file, changes)
    with search_view(told) as view:
        outcome = run_search(told, data, view)
    show_search(outcome)
