"""The flows: each a list of stages, runnable alone; `rebuild` is all of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import flow

from flows.artifacts import show_metrics, show_passport, show_report
from flows.config import RunConfig
from flows.folders import Folders
from flows.forms import Config
from flows.lock import alone_on_dataset
from flows.night import watched_flow
from flows.progress import warned
from flows.stages import (
    check_task,
    details_task,
    evaluate_task,
    generate_task,
    ingest_task,
    neighbours_task,
    prepare_task,
    publish_task,
    report_task,
    sample_task,
    say,
    train_task,
    validate_task,
)
from flows.unchanged import raw_marks, remember, unchanged_since
from pipeline.errors import InputError
from pipeline.files import read_json

Record = dict[str, Any]


@flow(name="prepare")
@watched_flow
@alone_on_dataset
def prepare_flow(config: Config, data: Path = Path("data")) -> None:
    """Raw dump to prepared folder, neighbours and checks included."""
    folders = Folders(data, config.name)
    if not config.raw and config.dataset == "sample":
        sample_task(config, data)
    ingest_task(config, config.raw or [_downloaded(folders.raw, config)], data)
    prepare_task(config, data)
    neighbours_task(config, data)
    if config.items:
        details_task(config, data)
    validate_task(config, data)
    show_passport(config.name, read_json(folders.prepared / "passport.json"))


@flow(name="neighbours")
@watched_flow
@alone_on_dataset
def neighbours_flow(config: Config, data: Path = Path("data")) -> None:
    """Neighbours of a prepared folder, and its checks."""
    neighbours_task(config, data)
    validate_task(config, data)


@flow(name="train")
@watched_flow
@alone_on_dataset
def train_flow(config: Config, data: Path = Path("data")) -> list[Path]:
    """Train every method of the config; stage 1 is trained once for all that share it."""
    from basrec.augmentation import build_augmenter

    folders = Folders(data, config.name)
    check_task(config, data)
    base: Path | None = None
    runs = []
    for method in sorted(config.methods, key=lambda method: method != "base"):
        augmenter, generated = build_augmenter(config.for_method(method)), None
        if augmenter.has_prior:
            generate_task(config, method, data)
            generated = folders.generated(config, method)
        train_task(config, method, data, base if augmenter.two_stages else None, generated)
        runs.append(folders.run(config, method))
        base = runs[-1] if method == "base" else base
    return runs


@flow(name="evaluate")
@watched_flow
@alone_on_dataset
def evaluate_flow(config: Config, data: Path = Path("data")) -> Path:
    """Measure every finished run of the config and write the report."""
    from basrec.report import metrics_table

    folders = Folders(data, config.name)
    runs = [folders.run(config, method) for method in config.methods]
    for method in config.methods:
        evaluate_task(config, method, data)
    report = report_task(config, runs, data)
    show_metrics(config.name, metrics_table(runs))
    show_report(config.name, report)
    return Path(report)


@flow(name="publish")
@watched_flow
@alone_on_dataset
def publish_flow(config: Config, data: Path = Path("data")) -> None:
    """Publish the run of one method, where the checks pass."""
    publish_task(config, data, return_state=True).result()  # raises what a failed state holds


@flow(name="rebuild")
@watched_flow
@alone_on_dataset
def rebuild_flow(config: Config, data: Path = Path("data")) -> Path:
    """All of it: raw dump to report and, where enabled, published; nothing is done twice."""
    known = unchanged_since(config, data)
    if known:
        say(f"rebuild: nothing new; raw files, config, code and results are those of {known}")
        return Folders(data, config.name).report
    raw = raw_marks(config, data)
    prepare_flow(config, data)
    train_flow(config, data)
    report = evaluate_flow(config, data)
    if config.publish.enabled:
        publish_flow(config, data)
    with warned("what is known of the files"):
        remember(config, data, raw)
    return report


FLOWS: dict[str, Callable[[RunConfig, Path], Any]] = {
    "rebuild": rebuild_flow,
    "prepare": prepare_flow,
    "neighbours": neighbours_flow,
    "train": train_flow,
    "evaluate": evaluate_flow,
    "publish": publish_flow,
}


def _downloaded(folder: Path, config: RunConfig) -> Path:
    """Give the folder of a dump that 'basrec download' has fetched."""
    if not folder.is_dir() or not any(folder.iterdir()):
        fetch = f"basrec download {config.dataset}" if config.dataset else "see README.md"
        raise InputError(f"raw: no dump is named; --set raw=PATH, or fetch one ({fetch})")
    return folder
