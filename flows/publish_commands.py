"""The commands that publish a run, and that clear away what nothing refers to."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.train_commands import Overrides

if TYPE_CHECKING:
    from flows.config import RunConfig

DataFolder = Annotated[Path, typer.Option("--data", help="Where all folders are.")]


def publish(
    target: Annotated[
        str | None,
        typer.Argument(metavar="DATASET | CONFIG", help="A dataset's name, or a config file."),
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="Whose run.", show_default="publish.method")
    ] = None,
    run: Annotated[Path | None, typer.Option(help="A run folder, instead of a method's.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Publish a run that was rolled back.")
    ] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Go back to the version before.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="List what is published.")] = False,
    set_: Overrides = None,
    data: DataFolder = Path("data"),
) -> None:
    """Publish a run, where the checks pass, or go back to the version before.

    Example: basrec publish beauty --method basrec --set publish.tolerance=0.02
    """
    from flows.lock import working_on
    from flows.publish_show import show_versions
    from flows.publishing import publish as publish_run
    from flows.versions import roll_back
    from pipeline.errors import InputError

    if list_:
        show_versions(data / "published", target)
        return
    if target is None:
        what = "roll back" if rollback else "publish"
        raise InputError(f"nothing to {what}: name a DATASET or a CONFIG file (or --list)")
    config = _config(target, set_ or [])
    published = data / "published" / config.name
    with working_on(config.name, data, config.lock.wait_seconds):
        if rollback:
            left, version = roll_back(published)
            typer.echo(f"{config.name}: current is version {version.name} again, no longer {left}")
        else:
            typer.echo(f"{config.name}: {publish_run(config, data, method, run, again).told}")


def gc(
    delete: Annotated[bool, typer.Option("--delete", help="Remove it; else it is shown.")] = False,
    older_than: Annotated[
        float, typer.Option(min=0.0, metavar="HOURS", help="Leave what was written to since.")
    ] = 24.0,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Published versions to leave.", show_default="publish.keep"),
    ] = None,
    data: DataFolder = Path("data"),
) -> None:
    """Show what nothing in the data folder refers to, or remove it."""
    from flows.garbage import find_garbage, remove, who_works
    from flows.lock import Held, alone, folder_lock
    from flows.publish_show import show_garbage
    from pipeline.errors import InputError

    if not data.is_dir():
        raise InputError(f"{data}: no such folder; name the data folder with --data")
    told = who_works(data)
    if told:
        raise Held(f"{told}; nothing is removed while others work; try again later")
    with alone(folder_lock(data), str(data)):
        found, num_young = find_garbage(data, older_than, keep)
        if delete:
            for garbage in found:
                remove(garbage.path)
    show_garbage(found, data, delete, num_young, older_than)


def _config(target: str, overrides: list[str]) -> "RunConfig":
    """Resolve the config of a file, of a known dataset, or of a name below the data folder."""
    from flows.config import parse_overrides, resolve
    from flows.experiment import run_config

    if Path(target).suffix in (".yaml", ".yml"):
        return resolve(Path(target), None, overrides)
    return run_config(target, parse_overrides(overrides))


PUBLISH_COMMANDS = (publish, gc)
