"""Each stage as a Prefect task: coarse, passing manifests and paths, never frames."""

import time
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.artifacts import TrainingProgress, show_curve
from flows.config import RunConfig
from flows.folders import Folders
from flows.progress import errors, stage_spinner, training_bar
from flows.stage import stage

Record = dict[str, Any]


def _told(name: str, record: Record, how: str = "") -> State[Record]:
    """Say in log and state whether a stage had anything to do, and how it was done."""
    reused = record.get("reused", False)
    message = "reused: inputs, config and code have not changed" if reused else "done"
    say(f"{name}: {message}" if reused else f"{name}: done in {record['seconds']:.1f} s{how}")
    state: State[Record] = Completed(
        name="Reused" if reused else "Completed", message=message, data=record
    )
    return state


def say(text: str) -> None:
    """Tell people on the terminal, and Prefect's log."""
    errors.print(text, highlight=False, soft_wrap=True)
    get_run_logger().info(text)


@stage("sample")
def sample_task(config: RunConfig, data: Path) -> State[Record]:
    """Write the embedded sample's dump where it is missing."""
    from pipeline.sample import write_sample

    target = Folders(data, config.name).raw / "sample.json.gz"
    if target.exists():
        return _told("sample", {"reused": True, "path": str(target)})
    started = time.monotonic()
    summary = write_sample(target)
    seconds = time.monotonic() - started
    return _told("sample", {"seconds": seconds, "path": str(summary.path), "rows": summary.rows})


@stage("ingest")
def ingest_task(config: RunConfig, raw: list[Path], data: Path) -> State[Record]:
    """Read the raw dump."""
    from pipeline.interactions import ingest

    with stage_spinner("ingest"):
        manifest = ingest(raw, Folders(data, config.name).ingested, config.data)
    taken = manifest.rows["taken over"]
    how = f"; {manifest.rows['raw'] - taken:,} rows read, {taken:,} taken over"
    return _told("ingest", manifest.model_dump(mode="json"), how)


@stage("prepare")
def prepare_task(config: RunConfig, data: Path) -> State[Record]:
    """Filter to the core and write sequences and passport."""
    from pipeline.preparation import prepare

    folders = Folders(data, config.name)
    with stage_spinner("prepare"):
        manifest = prepare(folders.ingested, folders.prepared, config.data, config.published)
    return _told("prepare", manifest.model_dump(mode="json"))


@stage("neighbours")
def neighbours_task(config: RunConfig, data: Path) -> State[Record]:
    """Find each item's most similar items."""
    from pipeline.neighbours import add_neighbours

    prepared = Folders(data, config.name).prepared
    with stage_spinner("neighbours"):
        manifest = add_neighbours(
            prepared, config.neighbours, config.data.memory, config.data.threads
        )
    return _told("neighbours", manifest.model_dump(mode="json"))


@stage("details")
def details_task(config: RunConfig, data: Path) -> State[Record]:
    """Read titles, brands and categories of the items."""
    from pipeline.details import add_details

    prepared = Folders(data, config.name).prepared
    with stage_spinner("details"):
        manifest = add_details(
            prepared,
            config.items,
            config.data.memory,
            config.data.threads,
            config.data.allow_truncated,
        )
    return _told("details", manifest.model_dump(mode="json"))


@stage("validate")
def validate_task(config: RunConfig, data: Path) -> None:
    """Check every file of the prepared folder and write its page."""
    from basrec.passport_page import write_passport
    from pipeline.schemas import validate

    prepared = Folders(data, config.name).prepared
    with stage_spinner("validate"):
        validate(prepared)
    write_passport(prepared)
    say("validate: all checks hold")


@stage("check")
def check_task(config: RunConfig, data: Path) -> None:
    """Refuse, before the first method is trained, data that one of them cannot work on."""
    from basrec.job import resolve_job
    from basrec.prepared import read_prepared

    prepared = read_prepared(Folders(data, config.name).prepared)
    for method in config.methods:
        resolve_job(config.for_method(method), prepared)


@stage("generate")
def generate_task(config: RunConfig, method: str, data: Path) -> State[Record]:
    """Generate the items that a method puts before each user's own."""
    from basrec.generation import generate

    folders = Folders(data, config.name)
    out = folders.generated(config, method)
    with training_bar(method) as on_epoch:
        manifest = generate(
            folders.prepared, out, config.for_method(method), resume="auto", on_epoch=on_epoch
        )
    return _told(f"generate {method}", manifest | {"folder": str(out)})


@stage("train")
def train_task(
    config: RunConfig,
    method: str,
    data: Path,
    start_from: Path | None = None,
    generated: Path | None = None,
) -> State[Record]:
    """Train one method; a killed run goes on where it was."""
    from basrec.report import write_own_report
    from basrec.results import read_epochs
    from basrec.training import train

    folders = Folders(data, config.name)
    out = folders.run(config, method)
    shown_as = f"{config.name}-{method}"
    progress = TrainingProgress(shown_as)
    with training_bar(method) as show_bar:

        def on_epoch(line: Record) -> None:
            show_bar(line)
            progress.epoch(line)

        manifest = train(
            folders.prepared,
            out,
            config.for_method(method),
            resume="auto",
            start_from=start_from,
            generated=generated,
            on_epoch=on_epoch,
        )
    progress.done()
    write_own_report(out)
    show_curve(shown_as, read_epochs(out))
    return _told(f"train {method}", manifest | {"folder": str(out)})


@stage("evaluate")
def evaluate_task(config: RunConfig, method: str, data: Path) -> Record:
    """Measure a finished run on both held-out splits."""
    from basrec.evaluation import evaluate

    run = Folders(data, config.name).run(config, method)
    values: Record = {split: evaluate(run, split) for split in ("validation", "test")}
    say(f"evaluate: {run.name} test NDCG@10 {values['test']['NDCG@10']:.4f}")
    return values


@stage("report")
def report_task(config: RunConfig, runs: list[Path], data: Path) -> Path:
    """Write the page that compares the runs."""
    from basrec.report import write_report
    from flows.nights import read_nights, standing
    from pipeline.files import read_json

    folders = Folders(data, config.name)
    passport = read_json(folders.prepared / "passport.json")
    nights = [*read_nights(data, config.name), {"time": "now", **standing(config, data)}]
    title = f"basrec: {config.name}"
    return write_report(runs, folders.report, passport, title=title, nights=nights)


@stage("publish")
def publish_task(config: RunConfig, data: Path) -> State[Record]:
    """Publish a run where the checks pass; a refusal is a failed state of that name."""
    from flows.publishing import Refused, publish

    started = time.monotonic()
    try:
        with stage_spinner("publish"):
            done = publish(config, data)
    except Refused as exc:
        refused: State[Record] = Failed(name="Refused", message=str(exc), data=exc)
        return refused
    record = {"version": done.version.name, "seconds": time.monotonic() - started}
    say(f"publish: {done.told}")
    state: State[Record] = Completed(name=done.outcome.title(), message=done.told, data=record)
    return state
