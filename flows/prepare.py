"""`basrec prepare`: three stages into one folder that appears once, whole."""

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from basrec.passport_page import PAGE, render_passport
from flows.config import build
from flows.lock import making
from flows.progress import stage_spinner
from flows.show import show_manifest
from pipeline.config import DataConfig, NeighbourConfig
from pipeline.datasets import known_datasets, load_dataset
from pipeline.details import add_details
from pipeline.errors import InputError
from pipeline.folder import MANIFEST, building
from pipeline.interactions import SETTINGS as INGEST_SETTINGS
from pipeline.interactions import ingest
from pipeline.manifest import read_stages, verify_outputs
from pipeline.neighbours import add_neighbours
from pipeline.passport import PublishedCounts
from pipeline.preparation import prepare
from pipeline.schemas import validate


def prepare_folder(
    raw: Sequence[Path],
    out: Path | None,
    name: str | None,
    options: dict[str, Any],
    neighbour_options: dict[str, Any],
    items: Sequence[Path] = (),
    wait_seconds: float = 0.0,
) -> Path:
    """Make a prepared folder from raw files or from one ingested folder; give its place.

    `name` brings a known dataset's protocol and published counts, and names the folder where no
    `out` is given; `items` are metadata files. Others keep out of it meanwhile.
    """
    if out is None and name is None:
        raise InputError("where to? give --out DIR or --name NAME")
    if name is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise InputError(f"--name {name!r}: letters, digits, '.', '_' and '-' only")
    place = out or Path("data/prepared") / str(name)
    if any(path.resolve() == place.resolve() for path in raw):
        raise InputError(f"{place}: read and written at once; choose another --out")
    below: dict[str, Any] = {}
    published: PublishedCounts | None = None
    if name in known_datasets():
        known = load_dataset(str(name))
        below, published = known.data, known.published
    source = raw[0] if len(raw) == 1 and (raw[0] / MANIFEST).is_file() else None
    if source is not None:
        _refuse_late(source, options)
        below = {key: value for key, value in below.items() if key not in INGEST_SETTINGS}
        below = below or _made_with(source, options)
    config = build(DataConfig, {**below, **options})
    neighbours = build(NeighbourConfig, neighbour_options)
    with making(place, wait_seconds), building(place) as work:
        _fill(list(raw), source, work, place, config, neighbours, published, items)
    return place


def _refuse_late(source: Path, options: dict[str, Any]) -> None:
    """Refuse options that a folder that has been read already cannot follow any more."""
    ingested = verify_outputs(source, "ingest")
    late = [key for key in options if key in INGEST_SETTINGS]
    if late:
        raise InputError(
            f"{source}: has been read already, so {', '.join(late)} would come too late; give the "
            "raw files again"
        )
    if options.get("policy") == "strict" and ingested.rows["rejects"]:
        raise InputError(
            f"{source}: {ingested.rows['rejects']:,} rows were rejected when it was read, and the "
            "policy strict allows none"
        )


def _made_with(source: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Give the rules by which a prepared folder was made, for those that options do not change."""
    made = read_stages(source).get("prepare")
    if not made or "policy" in options:  # another set of rules starts anew
        return {}
    kept = DataConfig.model_fields.keys() - {*INGEST_SETTINGS, "memory", "threads"}
    before = {key: value for key, value in made["config"].items() if key in kept}
    if options.get("split", before["split"]) != before["split"]:
        for key in ("held_out", "validation_from", "test_from"):
            del before[key]
    return before


def _fill(
    raw: list[Path],
    source: Path | None,
    work: Path,
    place: Path,
    config: DataConfig,
    neighbours: NeighbourConfig,
    published: PublishedCounts | None,
    items: Sequence[Path],
) -> None:
    """Run the stages in a scratch folder and move the result into `work`."""
    with tempfile.TemporaryDirectory(dir=work.parent, prefix=".prepare-") as scratch:
        ingested, prepared = Path(scratch) / "ingested", Path(scratch) / "prepared"
        if source is not None:
            ingested = source
        else:
            with stage_spinner("ingest"):
                ingest(raw, ingested, config, before=place)
        with stage_spinner("prepare"):
            prepare(ingested, prepared, config, published)
        with stage_spinner("neighbours"):
            add_neighbours(prepared, neighbours, config.memory, config.threads)
        if items:
            with stage_spinner("details"):
                details = add_details(
                    prepared, items, config.memory, config.threads, config.allow_truncated
                )
            show_manifest(details.model_copy(update={"folder": place}))
        with stage_spinner("validate"):
            validate(prepared)
        page = render_passport(prepared, place.resolve().name)
        (prepared / PAGE).write_text(page, encoding="utf-8")
        for file in prepared.iterdir():
            shutil.move(file, work / file.name)
