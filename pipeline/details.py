"""The details stage: titles, brands and categories of the items, for people to read.

Optional: nothing is trained on it. Items that the metadata do not name have no row.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipeline.engine import open_engine
from pipeline.errors import InputError
from pipeline.files import digest_file
from pipeline.folder import building, carry
from pipeline.lines import Lines
from pipeline.manifest import Manifest, Recorder, find_reusable, read_manifest, stage_key
from pipeline.raw_files import list_files, states_of, unchanged
from pipeline.recognition import look_of_another
from pipeline.schemas import ITEM_DETAILS, check_file

FILE = "item_details.parquet"
MEMBER = "*business*"
"""What is read of Yelp's archive."""


def add_details(
    prepared: Path,
    raw: Sequence[Path],
    memory: str = "4GB",
    threads: int = 2,
    allow_truncated: bool = False,
) -> Manifest:
    """Add item_details.parquet to a prepared folder, which is replaced as a whole.

    Reads Amazon's metadata (2014, 2018, 2023) and Yelp's businesses, JSON lines, strict or loose.
    Errors: InputError where the folder is no prepared one or the files name none of its items.
    """
    read_manifest(prepared, "prepare")
    files = list_files(list(raw))
    before = states_of(files)
    inputs = {f"{number} {path.name}": digest_file(path) for number, path in enumerate(files, 1)}
    inputs["items.parquet"] = digest_file(prepared / "items.parquet")
    reusable = find_reusable(prepared, "details", stage_key("details", {}, inputs))
    if reusable:
        return reusable
    recorder = Recorder("details", {}, inputs)
    with building(prepared) as work, unchanged(before):
        carry(prepared, work)
        (work / FILE).unlink(missing_ok=True)
        with open_engine(work, memory, threads) as engine:
            lines = Lines(files, MEMBER, allow_truncated=allow_truncated)
            engine.register("lines", lines.reader())
            engine.view("json_lines", "formats/json_lines")
            try:
                engine.table("details", "formats/item_details")
            except duckdb.Error as exc:
                raise (lines.error or exc) from None
            engine.parquet("items", prepared / "items.parquet")
            found = engine.write("55_item_details", work / FILE, ITEM_DETAILS)
            counts = engine.rows("56_detail_counts")[0]
        if not found:
            raise InputError(
                f"{files[0]}: none of its {counts['num_rows']:,} lines says title, brand or "
                "categories of an item of the core; "
                + (
                    look_of_another(files, MEMBER)
                    or "is it this dataset's metadata (JSON lines with asin, parent_asin or "
                    "business_id)?"
                )
            )
        recorder.rows |= {"details": found, "raw": counts["num_rows"], "rejects": counts["rejects"]}
        check_file(work / FILE)
        return recorder.write(work, prepared, [FILE])
