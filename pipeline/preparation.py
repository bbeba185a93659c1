"""The prepare stage: interactions to the core, numbered, as one sequence a user."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.config import DataConfig
from pipeline.engine import Engine, open_engine
from pipeline.errors import InputError
from pipeline.explanation import compare
from pipeline.files import write_json
from pipeline.folder import MANIFEST, building, link_or_copy
from pipeline.interactions import SETTINGS as INGEST_SETTINGS
from pipeline.keeping import keep
from pipeline.manifest import Manifest, Recorder, find_reusable, read_manifest, stage_key
from pipeline.passport import PublishedCounts, describe
from pipeline.row_files import OUTPUTS as INGESTED
from pipeline.schemas import ITEMS, SEQUENCES, USERS, check_file
from pipeline.splits import register_split, resolve_split

TABLES = {"users": USERS, "items": ITEMS, "sequences": SEQUENCES}
OUTPUTS = [*INGESTED, *(f"{name}.parquet" for name in TABLES), "passport.json"]
ENGINE_SETTINGS = {"memory", "threads"}
"""The part of DataConfig that does not decide what this stage writes."""


def prepare(
    ingested: Path, out: Path, config: DataConfig, published: PublishedCounts | None = None
) -> Manifest:
    """Make the prepared folder (all but neighbours) from an ingested one.

    How the dump was read is taken from the ingested folder, not from `config`.
    Errors: InputError where the ingested folder is not one, nothing is left, or ties are refused.
    """
    source = read_manifest(ingested, "ingest")
    read_as = {name: source.config[name] for name in INGEST_SETTINGS if name in source.config}
    try:
        config = DataConfig.model_validate(config.model_dump() | read_as)
    except ValidationError as exc:
        raise InputError(f"{ingested / MANIFEST}: damaged; ingest again") from exc
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
            check_file(work / name)
        with open_engine(work, config.memory, config.threads) as engine:
            engine.parquet("interactions", work / "interactions.parquet")
            kept, rounds = keep(engine, config)
            recorder.rows |= _number(engine, work)
            core = {name: recorder.rows[name] for name in ("users", "items", "interactions")}
            steps = [*_read_steps(source), *kept, {"step": _core_name(config), **core}]
            split = resolve_split(engine, config)
            register_split(engine, split)
            passport = _provenance(source) | describe(engine, config, split, steps, rounds)
            _refuse_ties(config, passport["ties"])
            passport["published"] = compare(engine, config, core, published)
        write_json(work / "passport.json", passport)
        for name in OUTPUTS[2:-1]:
            check_file(work / name)
        _inherit(source, work)
        return recorder.write(work, out, OUTPUTS, known=source.outputs)


def _number(engine: Engine, work: Path) -> dict[str, int]:
    """Write users, items and sequences of the core; give their rows and its interactions."""
    engine.table("users", "40_users")
    engine.table("walk", "41_walk")
    engine.table("items", "42_items")
    engine.table("numbered", "43_numbered")
    engine.table("sequences", "44_sequences")
    sources = {"users": "46_users_out", "items": "47_items_out", "sequences": "48_sequences_out"}
    rows = {
        name: engine.write(sources[name], work / f"{name}.parquet", schema)
        for name, schema in TABLES.items()
    }
    return rows | {"interactions": engine.rows("61_core_size")[0]["interactions"]}


def _core_name(config: DataConfig) -> str:
    least_user, least_item = config.minimums
    least = str(least_user) if least_user == least_item else f"{least_user}/{least_item}"
    return f"{least}-core of {config.counting}"


def _read_steps(source: Manifest) -> list[dict[str, Any]]:
    return [
        {"step": "raw rows", "interactions": source.rows["raw"]},
        {"step": "good rows", "interactions": source.rows["interactions"]},
    ]


def _refuse_ties(config: DataConfig, ties: dict[str, Any]) -> None:
    if config.ties == "refuse" and ties["users_with_ties"]:
        raise InputError(
            f"{ties['users_with_ties']:,} of {ties['users']:,} users have different items at one "
            "time, so their order is not known; choose data.ties (--ties) file or item"
        )


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
        "truncated_files": source.rows.get("truncated files", 0),
    }


def _inherit(source: Manifest, work: Path) -> None:
    """Carry the ingest stage's record over, so that the folder tells its whole history."""
    if not source.outputs:
        raise InputError(f"{source.folder}: the ingest stage recorded no files; ingest again")
    record = source.model_dump(mode="json", exclude={"reused", "folder"})
    write_json(work / "manifest.json", {"stages": {"ingest": record}})
