"""The commands that make and look at prepared folders."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.raw_options import (
    AllowTruncated,
    Columns,
    DataOverrides,
    Delimiter,
    Format,
    MaxRejects,
    Member,
    Memory,
    NoQuotes,
    RawFiles,
    Threads,
    TimeFormat,
    TimeUnit,
    Wait,
)


def ingest(
    raw: RawFiles,
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    format_: Format = None,
    columns: Columns = None,
    time_unit: TimeUnit = None,
    time_format: TimeFormat = None,
    delimiter: Delimiter = None,
    no_quotes: NoQuotes = False,
    member: Member = None,
    allow_truncated: AllowTruncated = False,
    max_rejects: MaxRejects = None,
    set_: DataOverrides = None,
    memory: Memory = "4GB",
    threads: Threads = 2,
    wait: Wait = 0.0,
) -> None:
    """Read a raw dump into interactions and rejects."""
    from flows.config import build
    from flows.data_options import data_values, table_values
    from flows.lock import making
    from flows.show import show_manifest
    from pipeline.config import DataConfig
    from pipeline.interactions import ingest as ingest_stage

    table = table_values(columns, time_unit, time_format, delimiter, no_quotes)
    options = {
        "format": format_,
        "table": table,
        "member": member,
        "allow_truncated": allow_truncated or None,
        "max_rejects": max_rejects,
        "memory": memory,
        "threads": threads,
    }
    config = build(DataConfig, data_values(options, set_))
    with making(out, wait):
        show_manifest(ingest_stage(raw, out, config))


def prepare(
    raw: Annotated[
        list[Path],
        typer.Argument(help="Raw files, folders or patterns, or one folder made by ingest."),
    ],
    out: Annotated[Path | None, typer.Option(help="The prepared folder to make.")] = None,
    format_: Format = None,
    name: Annotated[
        str | None,
        typer.Option(help="A known dataset's protocol, or the name of a folder in data/prepared."),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(help="Named set of rules: published or strict.", show_default="published"),
    ] = None,
    min_count: Annotated[
        int | None, typer.Option(help="k of the k-core.", show_default="5")
    ] = None,
    min_user_count: Annotated[
        int | None, typer.Option(help="Another k for users.", show_default="--min-count")
    ] = None,
    min_item_count: Annotated[
        int | None, typer.Option(help="Another k for items.", show_default="--min-count")
    ] = None,
    counting: Annotated[
        str | None,
        typer.Option(
            help="What the k-core counts: interactions or pairs.", show_default="interactions"
        ),
    ] = None,
    since: Annotated[str | None, typer.Option(help="From this time on (UTC), inclusive.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to this time (UTC), inclusive.")] = None,
    min_rating: Annotated[float | None, typer.Option(help="Rated at least this.")] = None,
    repeats: Annotated[
        str | None, typer.Option(help="keep, first or last.", show_default="keep")
    ] = None,
    duplicates: Annotated[
        str | None, typer.Option(help="Equal rows: keep or drop.", show_default="keep")
    ] = None,
    ties: Annotated[
        str | None,
        typer.Option(help="Order at one time: file, item or refuse.", show_default="file"),
    ] = None,
    id_order: Annotated[
        str | None, typer.Option(help="reference, sorted or random.", show_default="reference")
    ] = None,
    sample_users: Annotated[
        float | None, typer.Option(help="Keep this share of users.", show_default="all")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the sample and of random ids.", show_default="0")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="leave_one_out, last_n or global_time.", show_default="leave_one_out"),
    ] = None,
    held_out: Annotated[
        int | None, typer.Option(help="n of the split last_n.", show_default="1")
    ] = None,
    validation_from: Annotated[
        str | None, typer.Option(help="For global_time (UTC).", show_default="after 80 %")
    ] = None,
    test_from: Annotated[
        str | None, typer.Option(help="For global_time (UTC).", show_default="after 90 %")
    ] = None,
    columns: Columns = None,
    time_unit: TimeUnit = None,
    time_format: TimeFormat = None,
    delimiter: Delimiter = None,
    no_quotes: NoQuotes = False,
    member: Member = None,
    allow_truncated: AllowTruncated = False,
    max_rejects: MaxRejects = None,
    items: Annotated[
        list[Path] | None, typer.Option(help="Metadata of the items; may be repeated.")
    ] = None,
    similarity: Annotated[str, typer.Option(help="Of neighbours: iuf or cosine.")] = "iuf",
    top: Annotated[int, typer.Option(help="Neighbours for each item.")] = 10,
    set_: DataOverrides = None,
    memory: Memory = "4GB",
    threads: Threads = 2,
    wait: Wait = 0.0,
    text: Annotated[
        Path | None, typer.Option(help="Also write 'user item item ...' lines.")
    ] = None,
) -> None:
    """Make a prepared folder: k-core, sequences, passport, neighbours, all checked.

    Example: basrec prepare reviews.json.gz --format auto --out data/prepared/mine
    """
    from flows.data_options import data_values, table_values
    from flows.passports import show_passport_table
    from flows.prepare import prepare_folder

    options: dict[str, Any] = {
        "policy": policy,
        "format": format_,
        "table": table_values(columns, time_unit, time_format, delimiter, no_quotes),
        "member": member,
        "allow_truncated": allow_truncated or None,
        "max_rejects": max_rejects,
        "min_count": min_count,
        "min_user_count": min_user_count,
        "min_item_count": min_item_count,
        "counting": counting,
        "since": since,
        "until": until,
        "min_rating": min_rating,
        "repeats": repeats,
        "duplicates": duplicates,
        "ties": ties,
        "id_order": id_order,
        "sample_users": sample_users,
        "seed": seed,
        "split": split,
        "held_out": held_out,
        "validation_from": validation_from,
        "test_from": test_from,
        "memory": memory,
        "threads": threads,
    }
    near = {"similarity": similarity, "top": top}
    values = data_values(options, set_)
    folder = prepare_folder(raw, out, name, values, near, items or [], wait)
    if text:
        from pipeline.text import write_text

        write_text(folder, text)
    show_passport_table(folder)


def passport(
    prepared: Annotated[Path, typer.Argument(help="A prepared folder.")],
    other: Annotated[Path | None, typer.Argument(help="Another, to compare it with.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The page to write.", show_default="in the folder; passports.html for two"
        ),
    ] = None,
) -> None:
    """Show how a dataset came about, or in what two differ, and write it as a page."""
    from flows.passports import show_passport

    show_passport(prepared, other, out)


def neighbours(
    prepared: Annotated[Path, typer.Argument(help="A prepared folder.")],
    similarity: Annotated[str, typer.Option(help="iuf or cosine.")] = "iuf",
    top: Annotated[int, typer.Option(help="Neighbours for each item.")] = 10,
    memory: Memory = "4GB",
    threads: Threads = 2,
    wait: Wait = 0.0,
) -> None:
    """Find each item's most similar items, over the training part alone."""
    from flows.config import build
    from flows.lock import making
    from flows.show import show_manifest
    from pipeline.config import DataConfig, NeighbourConfig
    from pipeline.errors import InputError
    from pipeline.neighbours import add_neighbours
    from pipeline.schemas import validate

    build(DataConfig, {"memory": memory, "threads": threads})
    config = build(NeighbourConfig, {"similarity": similarity, "top": top})
    if not prepared.is_dir():  # or the lock would make a folder to lie in
        raise InputError(f"{prepared}: no such folder; make it with 'basrec prepare'")
    with making(prepared, wait):
        show_manifest(add_neighbours(prepared, config, memory, threads))
        validate(prepared)


DATA_COMMANDS = (ingest, prepare, neighbours, passport)
