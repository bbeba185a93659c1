"""What every file of the prepared folder must be: types, ranges, and how the files fit together."""

from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pyarrow
import pyarrow.parquet
from pandera.errors import SchemaError, SchemaErrors

from pipeline.errors import InputError
from pipeline.files import read_json, told_as_damaged

INTERACTIONS = pyarrow.schema(
    [
        ("user", pyarrow.string()),
        ("item", pyarrow.string()),
        ("rating", pyarrow.float32()),
        ("timestamp", pyarrow.int64()),
        ("row", pyarrow.int64()),
    ]
)
REJECTS = pyarrow.schema(
    [("row", pyarrow.int64()), ("reason", pyarrow.string()), ("line", pyarrow.string())]
)
USERS = pyarrow.schema([("user_id", pyarrow.int32()), ("user", pyarrow.string())])
ITEMS = pyarrow.schema([("item_id", pyarrow.int32()), ("item", pyarrow.string())])
SEQUENCES = pyarrow.schema(
    [
        ("user_id", pyarrow.int32()),
        ("items", pyarrow.list_(pyarrow.int32())),
        ("timestamps", pyarrow.list_(pyarrow.int64())),
    ]
)
ITEM_DETAILS = pyarrow.schema(
    [
        ("item_id", pyarrow.int32()),
        ("title", pyarrow.string()),
        ("brand", pyarrow.string()),
        ("categories", pyarrow.list_(pyarrow.string())),
    ]
)
NEIGHBOURS = pyarrow.schema(
    [
        ("item_id", pyarrow.int32()),
        ("rank", pyarrow.int16()),
        ("neighbour_id", pyarrow.int32()),
        ("similarity", pyarrow.float32()),
    ]
)

OPTIONAL = ("neighbours.parquet", "item_details.parquet")
BY_EXTREMES = ("interactions.parquet",)
"""Files of which nothing but bounds is checked, so that no row need be read."""
BATCH_ROWS = 1_000_000
"""Long files are checked in batches of so many rows, to bound the memory."""


def _ids(name: str) -> dict[str, pa.Column]:
    return {name: pa.Column(pl.Int32, pa.Check.ge(1), unique=True)}


def _text(name: str) -> dict[str, pa.Column]:
    return {name: pa.Column(pl.String, pa.Check.str_length(min_value=1))}


def _schema(columns: dict[str, pa.Column]) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(columns, strict=True, ordered=True)


_ROW = {"row": pa.Column(pl.Int64, pa.Check.ge(1))}
_TIME = pa.Column(pl.Int64, pa.Check.in_range(631_152_000, 4_102_444_799))
CHECKS: dict[str, pa.DataFrameSchema] = {
    "interactions.parquet": _schema(
        {
            **_text("user"),
            **_text("item"),
            "rating": pa.Column(pl.Float32, nullable=True),
            "timestamp": _TIME,
            **_ROW,
        }
    ),
    "rejects.parquet": _schema({**_ROW, **_text("reason"), "line": pa.Column(pl.String)}),
    "users.parquet": _schema(_ids("user_id") | _text("user")),
    "items.parquet": _schema(_ids("item_id") | _text("item")),
    "sequences.parquet": _schema(
        _ids("user_id")
        | {"items": pa.Column(pl.List(pl.Int32)), "timestamps": pa.Column(pl.List(pl.Int64))}
    ),
    "item_details.parquet": _schema(
        _ids("item_id")
        | {
            "title": pa.Column(pl.String, nullable=True),
            "brand": pa.Column(pl.String, nullable=True),
            "categories": pa.Column(pl.List(pl.String), nullable=True),
        }
    ),
    "neighbours.parquet": _schema(
        {
            "item_id": pa.Column(pl.Int32, pa.Check.ge(1)),
            "rank": pa.Column(pl.Int16, pa.Check.ge(1)),
            "neighbour_id": pa.Column(pl.Int32, pa.Check.ge(1)),
            "similarity": pa.Column(pl.Float32, pa.Check.in_range(0.0, 1.0, include_min=False)),
        }
    ),
}


def check_file(path: Path) -> None:
    """Check one file by itself: columns, types, ranges.

    Errors: InputError that names the file, the check and the first rows that fail it.
    """
    schema, lazy = CHECKS[path.name], pl.scan_parquet(path, glob=False)
    try:
        extremes = _extremes(path) if path.name in BY_EXTREMES else None
        if extremes is not None:
            schema.validate(extremes, lazy=True)
            return
        num_rows = int(lazy.select(pl.len()).collect().item())
        for start in range(0, max(num_rows, 1), BATCH_ROWS):
            schema.validate(lazy.slice(start, BATCH_ROWS).collect(), lazy=True)
    except (SchemaError, SchemaErrors) as exc:
        raise InputError(f"{path}: {_told(exc)}; make the folder again") from exc
    except (pl.exceptions.PolarsError, pyarrow.ArrowException, OSError) as exc:
        raise InputError(f"{path}: cannot be read ({exc}); make the folder again") from exc


def _extremes(path: Path) -> pl.DataFrame | None:
    """Give each row group's least and greatest values, and a null where it holds any.

    All that is checked of these columns are bounds, and the file's footer has them without reading
    a row; None where it has not.
    """
    footer = pyarrow.parquet.read_metadata(path)
    types = pl.scan_parquet(path, glob=False).collect_schema()
    rows: list[dict[str, Any]] = []
    for group in range(footer.num_row_groups):
        least, greatest, empty = {}, {}, {}
        for place, name in enumerate(types):
            told = footer.row_group(group).column(place).statistics
            if told is None or not told.has_null_count:
                return None
            if not told.has_min_max and told.null_count < footer.row_group(group).num_rows:
                return None
            least[name], greatest[name] = (told.min, told.max) if told.has_min_max else (None, None)
            empty[name] = None if told.null_count else least[name]
        rows += [least, greatest, empty]
    return pl.DataFrame(rows, schema=types) if rows else None


def validate(prepared: Path) -> None:
    """Check every file of a prepared folder and how they fit together.

    Neighbours are checked where they are. Errors: InputError as for `check_file`.
    """
    for name in CHECKS:
        if name not in OPTIONAL or (prepared / name).exists():
            check_file(prepared / name)
    users = pl.read_parquet(prepared / "users.parquet", glob=False)
    items = pl.read_parquet(prepared / "items.parquet", glob=False)
    sequences = pl.read_parquet(prepared / "sequences.parquet", glob=False)
    _check_dense(prepared / "users.parquet", users["user_id"])
    _check_dense(prepared / "items.parquet", items["item_id"])
    _check_dense(prepared / "sequences.parquet", sequences["user_id"])
    _none(
        prepared / "sequences.parquet",
        "as many sequences as users",
        users.join(sequences, on="user_id", how="anti"),
    )
    with told_as_damaged(prepared / "passport.json", pl.exceptions.PolarsError):
        rules = read_json(prepared / "passport.json")["protocol"]
        _check_sequences(prepared / "sequences.parquet", items, sequences, rules)
        if (prepared / "neighbours.parquet").exists():
            _check_neighbours(prepared, items, sequences, rules["split"])


def _check_sequences(
    path: Path, items: pl.DataFrame, sequences: pl.DataFrame, rules: dict[str, Any]
) -> None:
    """Check the lists against each other, against the items, the clock and the k-core."""
    length = pl.col("items").list.len()
    uneven = length != pl.col("timestamps").list.len()
    _none(path, "as many timestamps as items", sequences.filter(uneven))
    long = sequences.explode("items", "timestamps")
    unknown = ~pl.col("items").is_in(items["item_id"].implode())
    _none(path, "only known items", long.filter(unknown))
    falling = pl.col("timestamps").diff().over("user_id") < 0
    _none(path, "times that do not decrease", long.filter(falling))
    counted = long.unique(["user_id", "items"]) if rules["counting"] == "pairs" else long
    for column, least in (("user_id", "min_user_count"), ("items", "min_item_count")):
        rare = counted.group_by(column).len().filter(pl.col("len") < rules[least])
        _none(path, f"each of {column} at least {rules[least]} times", rare)


def _check_dense(path: Path, ids: pl.Series) -> None:
    frame = ids.to_frame("id").with_row_index("place", offset=1)
    _none(path, "ids 1, 2, 3, ... in order", frame.filter(pl.col("id") != pl.col("place")))


def _check_neighbours(
    prepared: Path, items: pl.DataFrame, sequences: pl.DataFrame, split: dict[str, Any]
) -> None:
    """Check that neighbours are known, never the item itself, ranked, and of the training part."""
    path = prepared / "neighbours.parquet"
    neighbours = pl.read_parquet(path, glob=False)
    known = items["item_id"].implode()
    _none(path, "only known items", neighbours.filter(~pl.col("item_id").is_in(known)))
    _none(path, "only known neighbours", neighbours.filter(~pl.col("neighbour_id").is_in(known)))
    _none(
        path,
        "never the item itself",
        neighbours.filter(pl.col("item_id") == pl.col("neighbour_id")),
    )
    rising = pl.col("similarity").diff().over("item_id", order_by="rank") > 0
    _none(path, "similarities that fall with the rank", neighbours.filter(rising))
    # The split is a rule; a held-out item leaks in only if the training part lacks it.
    before = (
        pl.col("timestamps").list.eval(pl.element() < split.get("validation_from", 0)).list.sum()
    )
    num_train = pl.col("items").list.len().cast(pl.Int64) - 2 * split.get("held_out", 1)
    num_train = before.cast(pl.Int64) if split["rule"] == "global_time" else num_train
    train = sequences.select(pl.col("items").list.head(pl.max_horizontal(num_train - 1, 0)))
    trained = train.explode("items")["items"].drop_nulls().unique().implode()
    _none(
        path,
        "only items of the training part",
        neighbours.filter(~pl.col("neighbour_id").is_in(trained)),
    )


def _none(path: Path, wanted: str, wrong: pl.DataFrame) -> None:
    if len(wrong):
        rows = wrong.head(3).to_dicts()
        raise InputError(
            f"{path}: wanted {wanted}, but {len(wrong)} rows are not so, first {rows}; "
            "make the folder again"
        )


def _told(exc: SchemaError | SchemaErrors) -> str:
    """Say in one line which checks failed and on what."""
    if isinstance(exc, SchemaErrors):
        cases = exc.failure_cases
        first = cases.select("column", "check", "failure_case").head(3).to_dicts()
        return f"{len(cases)} failures, first {first}"
    return " ".join(str(exc).split())[:300]
