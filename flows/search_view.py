"""How a search goes on, for people: bars where a terminal is, a line a trial where none is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from optuna.trial import FrozenTrial
from rich.progress import (
    Progress,
)
from rich.table import Table

from flows.passports import console
from flows.progress import OnEpoch, epoch_text, errors, told_bars
from flows.search import Outcome
from flows.search_config import Search
from flows.search_results import importances, last_value, state_of, top_rows
from flows.search_space import Point, short_names
from flows.search_study import settled


def point_text(point: Point) -> str:
    """Say a point in a few words."""
    names = short_names(list(point)).items()
    return " ".join(f"{name}={point[key]}" for key, name in names)


class Lines:
    """Tells each trial when it begins and when it has ended."""

    def __init__(self, search: Search) -> None:
        self.search = search

    def begin(self, index: int, point: Point, best: FrozenTrial | None) -> OnEpoch:
        """Tell a trial's number, its point and the best so far."""
        text = f"trial {index} (of {self.search.num_trials}): {point_text(point)}"
        if best:
            text += f"  (best so far {best.value:.5f}, trial {best.user_attrs['index']})"
        self._print(text)
        return lambda line: None

    def end(self, trial: FrozenTrial) -> None:
        """Tell what became of it."""
        told = trial.user_attrs.get("told", "")
        is_valued = trial.value is not None and not told
        text = f"validation {self.search.metric} {trial.value:.5f}" if is_valued else told
        last = last_value(trial)
        if state_of(trial) == "pruned" and last is not None:
            text = f"{text}, at validation {self.search.metric} {last:.5f}"
        self._print(f"trial {trial.user_attrs['index']}: {state_of(trial)}; {text}")

    def _print(self, text: str) -> None:
        errors.print(text, highlight=False, soft_wrap=True, markup=False)


class Bars(Lines):
    """The same, with a bar for the trials and one for the epochs of the current one."""

    def __init__(self, search: Search, progress: Progress) -> None:
        super().__init__(search)
        self.progress = progress
        self.trials = progress.add_task(search.name, total=search.num_trials, told="")
        self.epochs = progress.add_task("epochs", total=None, told="")

    def begin(self, index: int, point: Point, best: FrozenTrial | None) -> OnEpoch:
        """Start the bar of the epochs anew."""
        super().begin(index, point, best)
        told = f"best {best.value:.5f} (trial {best.user_attrs['index']})" if best else ""
        self.progress.update(self.trials, completed=index, told=told)

        def show(line: dict[str, Any]) -> None:
            self.progress.update(
                self.epochs,
                description=f"trial {index} stage {line['stage']}",
                total=line["epochs"],
                completed=line["epoch"],
                told=epoch_text(line),
            )

        return show

    def end(self, trial: FrozenTrial) -> None:
        """Move the bar of the trials on."""
        super().end(trial)
        self.progress.update(self.trials, completed=trial.user_attrs["index"] + 1)

    def _print(self, text: str) -> None:
        self.progress.console.print(text, highlight=False, soft_wrap=True, markup=False)


@contextmanager
def search_view(search: Search) -> Iterator[Lines]:
    """Give what shows a search on this terminal."""
    if not errors.is_terminal:
        yield Lines(search)
        return
    with told_bars(errors) as progress:
        yield Bars(search, progress)


def show_search(outcome: Outcome) -> None:
    """Show the first ten trials, what mattered, and where all is written."""
    study, search = outcome.study, outcome.search
    table = Table(title=f"{search.name}: {len(settled(study))} trials", title_justify="left")
    for name in ("trial", f"validation {search.metric}", *short_names(list(search.space)).values()):
        table.add_column(name, justify="right", overflow="fold")
    for row in top_rows(study, search):
        table.add_row(*row)
    console.print(table)
    told = importances(study)
    if told:
        shares = ", ".join(f"{key} {value:.2f}" for key, value in told.items())
        console.print(f"importance: {shares}", highlight=False, soft_wrap=True)
    best = outcome.places.folder / "best.json"
    console.print(f"best: {best}", highlight=False, soft_wrap=True)
