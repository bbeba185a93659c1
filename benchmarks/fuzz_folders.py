"""A data folder as input: one of its files is mutated, and what of the product reads it."""

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from fuzz_files import mutated_file
from fuzz_world import NAME, Target, World, config_of

import pipeline.datasets
from basrec.analysis import analyse
from basrec.checkpoint import load_checkpoint
from basrec.drift import drift_of
from basrec.evaluation import evaluate, read_metrics, read_weights
from basrec.experiment_page import write_experiment_report
from basrec.passport_page import compare_folders, render_passport
from basrec.prepared import read_prepared
from basrec.prior_file import with_prior
from basrec.report import damage_of, write_report
from basrec.run_folder import find_finished, read_config, read_history
from basrec.sweep_folder import read_sweep
from basrec.training import train
from basrec.user_ranks import read_ranks
from flows.garbage import find_garbage
from flows.lock import _told_owner
from flows.nights import read_nights
from flows.passports import show_passport
from flows.publish_show import show_versions
from flows.publishing import publish
from flows.search_config import load_search
from flows.search_study import open_study
from flows.show import show_runs
from flows.unchanged import skip_unchanged
from flows.versions import current, read_publication, roll_back, surplus
from pipeline.manifest import find_reusable, read_manifest, verify_outputs
from pipeline.preparation import prepare
from pipeline.schemas import validate


def damaged(within: str, *readers: Callable[[World], object]) -> Target:
    """Fuzz readers of a data folder, of whose files that fit a pattern one is mutated."""
    names: list[Path] = []

    def fuzz(world: World, random: Random) -> object:
        if not names:
            names.extend(sorted(path for path in world.seeds.glob(within) if path.is_file()))
        source = random.choice(names)
        target = world.data / source.relative_to(world.seeds)
        reader = random.choice(readers)
        data = mutated_file(random, source, world.seed(source))
        target.unlink()  # which may be a link of another's
        if random.random() < 0.97:
            target.write_bytes(data)
        try:
            return reader(world)
        finally:
            if target.is_dir():
                shutil.rmtree(target)
            target.write_bytes(world.seed(source))

    return fuzz


def resume(world: World) -> object:
    """Go on with a training, of which the last checkpoint is damaged."""
    work = world.out / "run.partial"
    shutil.copytree(world.run(), work)
    return train(
        world.folders.prepared, world.out / "run", config_of().for_method("base"), resume=True
    )


def prepare_again(world: World) -> object:
    """Prepare from an ingested folder that is damaged."""
    place = world.out / "prepared"
    return prepare(world.folders.ingested, place, config_of().data, None)


def publish_again(world: World) -> object:
    """Publish the base run beside what is damaged, and roll back."""
    shutil.copytree(world.data, world.out / "data", symlinks=True)
    data = world.out / "data"
    with contextlib.suppress(Exception):
        publish(config_of(), data, method="base", again=True)
    return roll_back(data / "published" / NAME)


def publish_other(world: World) -> object:
    """Publish the run of the other method over what is damaged."""
    shutil.copytree(world.data, world.out / "data", symlinks=True)
    return publish(config_of(), world.out / "data", method="basrec", again=True)


def read_published(world: World) -> object:
    """Read what is published, and what of it is too old to keep."""
    folder = world.folders.published
    now = current(folder)
    return [surplus(folder, 1), now and read_publication(now)]


def list_versions(world: World) -> object:
    """List the versions as `basrec publish --list` does."""
    with contextlib.redirect_stdout(io.StringIO()):
        return show_versions(world.data / "published", None)


def look_for_garbage(world: World) -> object:
    """Look for what `basrec gc` would delete."""
    return find_garbage(world.data, 0.0, None)


def follow_nights(world: World) -> object:
    """Read the nights so far, to see what has changed since."""
    skip_unchanged(config_of(), world.data)
    return drift_of(read_nights(world.data, NAME))


def report_runs(world: World) -> object:
    """Write the report of both runs."""
    runs = [world.run(), world.run("basrec")]
    nights = read_nights(world.data, NAME)
    return write_report(runs, world.out / "report.html", nights=nights)


def load_sweep(world: World) -> object:
    """Read the folder of the sweep."""
    return read_sweep(world.data / "sweeps" / "small")


def report_sweep(world: World) -> object:
    """Write the report of the sweep."""
    folder = pipeline.datasets.configs_folder() / "published"
    return write_experiment_report(world.data / "sweeps" / "small", folder, world.out / "r.html")


def load_trials(world: World) -> object:
    """Open the journal of the search."""
    place = world.data / "searches" / "small"
    study = open_study(place, load_search(place / "search.yaml"), {"data": "d"})
    return study.trials


def evaluate_run(world: World) -> object:
    """Evaluate a run on the prepared folder."""
    return evaluate(world.run(), "test", world.folders.prepared)


def load_weights(world: World) -> object:
    """Read a run's weights."""
    return read_weights(world.run())


def analyse_run(world: World) -> object:
    """Analyse the run of BASRec."""
    return analyse(world.run("basrec"))


def open_checkpoint(world: World) -> object:
    """Read a run's checkpoint, by the key of its manifest."""
    key = json.loads(
        world.seed(world.seeds / world.run().relative_to(world.data) / "manifest.json")
    )
    return load_checkpoint(world.run() / "checkpoint.pt", key["key"])


def check_manifests(world: World) -> object:
    """Read every manifest in each of the ways that there are."""
    ingested, prepared = world.folders.ingested, world.folders.prepared
    find_reusable(ingested, "ingest", "k")
    read_manifest(prepared, "prepare")
    verify_outputs(ingested, "ingest")
    return find_finished(world.run(), "k")


def tell_owner(world: World) -> object:
    """Read a file as a lock in which its owner should stand."""
    return _told_owner(world.data / "nights" / f"{NAME}.jsonl")


def _quiet(show: Callable[[World], object]) -> Callable[[World], object]:
    def shown(world: World) -> object:
        with contextlib.redirect_stdout(io.StringIO()):
            return show(world)

    return shown


PREPARED = (
    lambda world: read_prepared(world.folders.prepared),
    lambda world: validate(world.folders.prepared),
    evaluate_run,
    lambda world: with_prior(read_prepared(world.folders.prepared), world.folders.prepared),
)
PASSPORT = (
    lambda world: render_passport(world.folders.prepared, NAME),
    lambda world: compare_folders(world.folders.prepared, world.seeds / "prepared" / NAME),
    _quiet(lambda world: show_passport(world.folders.prepared, None, world.out / "p.html")),
    lambda world: read_prepared(world.folders.prepared),
    lambda world: validate(world.folders.prepared),
)
RUN = (
    evaluate_run,
    lambda world: [read_config(world.run()), read_history(world.run())],
    lambda world: read_metrics(world.run()),
    lambda world: read_ranks(world.run(), "test"),
    lambda world: damage_of(world.run()),
    _quiet(lambda world: show_runs([world.run(), world.run("basrec")])),
    check_manifests,
)
