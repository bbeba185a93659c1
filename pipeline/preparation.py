"""The prepare stage: interactions to the core, numbered, as one sequence a user."""

from pathlib import Path
from typing import Any

from pipeline.config import DataConfig, unix_seconds
from pipeline.core import find_core
from pipeline.engine import Engine, open_engine
from pipeline.errors import InputError
from pipeline.files import write_json
from pipeline.folder import building, link_or_copy
from pipeline.interactions import OUTPUTS as INGESTED
from pipeline.manifest import Manifest, Recorder, find_reusable, read_manifest, stage_key
from pipeline.passport import PublishedCounts, describe
from pipeline.schemas import ITEMS, SEQUENCES, USERS, check_file

TABLES = {"users": USERS, "items": ITEMS, "sequences": SEQUENCES}
OUTPUTS = [*INGESTED, *(f"{name}.parquet" for name in TABLES), "passport.json"]
ENGINE_SETTINGS = {"memory", "threads"}
"""The part of DataConfig that does not decide what this stage writes."""


def prepare(
    ingested: Path, out: Path, config: DataConfig, published: PublishedCounts | None = None
) -> Manifest:
    """Make the prepared folder (all but neighbours) from an ingested one.

    Errors: InputError where the ingested folder is not one or nothing is left.
    """
    source = read_manifest(ingested, "ingest")
    if source.config["format"] != config.format:
        config = config.model_copy(update={"format": source.config["format"]})
    settings = config.model_dump(mode="json", exclude=ENGINE_SETTINGS)
    settings["published"] = published.model_dump() if published else None
    inputs = source.outputs
    reusable = find_reusable(out, "prepare", stage_key("prepare", settings, inputs))
    if reusable:
        return reusable
    recorder = Recorder("prepare", settings, inputs)
    with building(out) as work:
        for name in INGESTED:
            link_or_copy(ingested / name, work / name)
        with open_engine(work, config.memory, config.threads) as engine:
            steps = _keep(engine, work, config, source.rows)
            rounds = find_core(engine, config.min_count)
            steps.append({"step": f"{config.min_count}-core", **_size(rounds[-1])})
            recorder.rows |= _number(engine, work)
            passport = _provenance(source) | describe(engine, config, steps, rounds, published)
        write_json(work / "passport.json", passport)
        for name in OUTPUTS[2:-1]:
            check_file(work / name)
        _inherit(source, work)
        return recorder.write(work, out, OUTPUTS)


def _keep(
    engine: Engine, work: Path, config: DataConfig, rows: dict[str, int]
) -> list[dict[str, Any]]:
    """Apply window, rating and repeats, and number users and items; give the counts so far."""
    engine.values(
        "policy",
        since=unix_seconds(config.since),
        until=unix_seconds(config.until),
        min_rating=config.min_rating,
        min_count=config.min_count,
    )
    engine.parquet("interactions", work / "interactions.parquet")
    engine.table("kept", "20_window")
    steps = [
        {"step": "raw rows", "interactions": rows["raw"]},
        {"step": "good rows", "interactions": rows["interactions"]},
    ]
    _make_edges(engine)
    steps.append({"step": "window and rating", **engine.rows("31_edge_counts")[0]})
    if config.repeats != "keep":
        engine.table("once", f"21_repeats_{config.repeats}")
        engine.rename("once", "kept")
        _make_edges(engine)
        steps.append({"step": f"repeats: {config.repeats}", **engine.rows("31_edge_counts")[0]})
    return steps


def _make_edges(engine: Engine) -> None:
    engine.table("user_keys", "25_user_keys")
    engine.table("item_keys", "26_item_keys")
    engine.table("edges", "27_edges")


def _number(engine: Engine, work: Path) -> dict[str, int]:
    """Write users, items and sequences of the core; give their rows."""
    engine.table("users", "40_users")
    engine.table("items", "41_items")
    engine.table("numbered", "42_numbered")
    engine.table("sequences", "43_sequences")
    sources = {"users": "46_users_out", "items": "47_items_out", "sequences": "48_sequences_out"}
    return {
        name: engine.write(sources[name], work / f"{name}.parquet", schema)
        for name, schema in TABLES.items()
    }


def _size(entry: dict[str, Any]) -> dict[str, int]:
    return {name: entry[name] for name in ("users", "items", "interactions")}


def _provenance(source: Manifest) -> dict[str, Any]:
    """Say what was read and what was set aside."""
    rejected = {
        name.removeprefix("rejected: "): number
        for name, number in source.rows.items()
        if name.startswith("rejected: ")
    }
    return {
        "raw_files": source.inputs,
        "raw_rows": source.rows["raw"],
        "rejected_rows": rejected,
    }


def _inherit(source: Manifest, work: Path) -> None:
    """Carry the ingest stage's record over, so that the folder tells its whole history."""
    if not source.outputs:
        raise InputError(f"{source.folder}: the ingest stage recorded no files; ingest again")
    record = source.model_dump(mode="json", exclude={"reused", "folder"})
    write_json(work / "manifest.json", {"stages": {"ingest": record}})
