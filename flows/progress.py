"""Progress for people: bars where a terminal is, a line an epoch where none is."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

OnEpoch = Callable[[dict[str, Any]], None]
errors = Console(stderr=True, markup=False)  # what is shown comes from data
WARNING = "warning: "


def show_warnings() -> None:
    """Let what a training warns of be seen on stderr, whatever Prefect does to the logs."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"{WARNING}%(message)s"))
    logging.getLogger("basrec").addHandler(handler)


def epoch_text(line: dict[str, Any]) -> str:
    """Say an epoch's result in a few words."""
    text = f"loss {line['loss']:.4f}"
    if line["validation"]:
        text += f"  validation NDCG@10 {line['validation']['NDCG@10']:.4f}"
    return text + ("  best" if line["best"] else "")


def told_bars(console: Console) -> Progress:
    """Make bars whose tasks carry a field `told`, shown behind each."""
    columns = (
        SpinnerColumn(),
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[told]}"),
    )
    return Progress(*columns, console=console)


@contextmanager
def training_bar(name: str) -> Iterator[OnEpoch]:
    """Show the epochs of a run; the bar starts again with the second stage."""
    if not errors.is_terminal:
        yield lambda line: errors.print(
            f"{name}: stage {line['stage']} epoch {line['epoch']}/{line['epochs']}  "
            f"{epoch_text(line)}  {line['seconds']:.1f} s",
            highlight=False,
            soft_wrap=True,
        )
        return
    with told_bars(errors) as progress:
        tasks: dict[int, Any] = {}

        def show(line: dict[str, Any]) -> None:
            stage = line["stage"]
            if stage not in tasks:
                title = f"{name} stage {stage}"
                tasks[stage] = progress.add_task(title, total=line["epochs"], told="")
            progress.update(tasks[stage], completed=line["epoch"], told=epoch_text(line))

        yield show


@contextmanager
def stage_spinner(name: str) -> Iterator[None]:
    """Show that a stage is at work."""
    if not errors.is_terminal:
        yield
        return
    with errors.status(Text(name, "bold")):
        yield


@contextmanager
def download_bar(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show how much of a file has come."""
    columns = (TextColumn("[bold]{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=errors) as progress:
        tasks: list[Any] = []

        def show(done: int, total: int | None) -> None:
            if not tasks:  # no bar before there is something to show
                tasks.append(progress.add_task(name, total=total))
            progress.update(tasks[0], completed=done, total=total)

        yield show


def warn(text: str) -> None:
    """Tell of what went wrong beside the work, which goes on."""
    errors.print(f"warning: {text}", style="yellow", highlight=False, markup=False, soft_wrap=True)


@contextmanager
def warned(doing: str) -> Iterator[None]:
    """Turn an error of what only watches the work into a warning."""
    try:
        yield
    except Exception as exc:
        warn(f"{doing}: {' '.join(str(exc).split())[:300] or type(exc).__name__}")
