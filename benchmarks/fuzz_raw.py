"""Raw dumps as inputs: small ones in every layout, mutated, packed, and what reads them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
from fuzz_files import mutate_table, parquet_bytes
from fuzz_inputs import as_json, compressed, mutate_bytes, mutate_value
from fuzz_world import NAME, ROWS, Target, World, config_of

from flows.config import build
from pipeline.config import DataConfig
from pipeline.details import add_details
from pipeline.formats import FORMATS
from pipeline.interactions import _connect, _parsed, ingest
from pipeline.neighbours import add_neighbours
from pipeline.preparation import prepare
from pipeline.raw_files import list_files
from pipeline.schemas import validate

SMALL = {"memory": "512MB", "threads": 1}
REVIEWS: dict[str, Callable[[str, str, int, int], dict[str, Any]]] = {
    "amazon_2014": lambda user, item, time, rating: {
        "reviewerID": user, "asin": item, "helpful": [0, 1], "reviewText": "it's \"fine\"",
        "overall": float(rating), "unixReviewTime": time,
    },
    "amazon_2018": lambda user, item, time, rating: {
        "overall": float(rating), "verified": True, "reviewerID": user, "asin": item,
        "style": {"Size:": " 1"}, "unixReviewTime": time,
    },
    "amazon_2023": lambda user, item, time, rating: {
        "rating": float(rating), "title": "t", "images": [], "parent_asin": item,
        "user_id": user, "timestamp": 1000 * time,
    },
    "yelp": lambda user, item, time, rating: {
        "review_id": "r", "user_id": user, "business_id": item, "stars": float(rating),
        "date": f"2019-01-{1 + time % 28:02d} 12:00:00",
    },
}  # fmt: skip
RATINGS = {
    "amazon_ratings_2014": "{0},{1},{3}.0,{2}\n",
    "amazon_ratings_2018": "{1},{0},{3}.0,{2}\n",
    "amazon_ratings_2023": "{0},{1},{3}.0,{2}000\n",
    "table": '"{0}"\t{1}\t{3}\t{2}\n',
}
HEADERS = (b"user_id,parent_asin,rating,timestamp\n", b"user\titem\trating\ttime\n")


def lines_target(name: str) -> Target:
    """Fuzz the reading and parsing of a raw layout alone, which is many times as fast."""

    def fuzz(world: World, random: Random) -> object:
        file, config = write_dump(world, random, name)
        engine = world.engine()
        engine.drop("fields", "json_lines", "csv_lines", "columns")  # of the input before
        list_files([file])
        return [batch.num_rows for batch in _parsed(engine, _connect(engine, [file], config)[0])]

    return fuzz


def raw_target(name: str) -> Target:
    """Fuzz the reading of a raw layout, and now and then all of the preparation."""

    def fuzz(world: World, random: Random) -> object:
        file, config = write_dump(world, random, name)
        ingest([file], world.out / "ingested", config)
        if random.random() < 0.3:
            prepare(world.out / "ingested", world.out / "prepared", config, None)
            if random.random() < 0.3:
                add_neighbours(world.out / "prepared", config_of().neighbours, "512MB", 1)
            validate(world.out / "prepared")

    return fuzz


def fuzz_details(world: World, random: Random) -> object:
    """Fuzz the metadata of items."""
    shutil.copytree(world.seeds / "prepared" / NAME, world.out / "prepared")
    values: list[dict[str, Any]] = [
        {"asin": "item1", "title": "A", "brand": "B", "categories": [["C", "D"]]},
        {"parent_asin": "item2", "title": "A", "store": "S", "categories": ["C"], "images": [{}]},
        {"business_id": "item3", "name": "N", "categories": "a, b", "hours": None},
    ]
    lines = [_written(random, mutate_value(random, value)) for value in values * 3]
    lines = [mutate_bytes(random, line) if random.random() < 0.3 else line for line in lines]
    (world.place / "business.json").write_bytes(compressed(random, b"\n".join(lines)))
    return add_details(world.out / "prepared", [world.place / "business.json"], "512MB", 1)


def write_dump(world: World, random: Random, name: str) -> tuple[Path, DataConfig]:
    """Write a dump, packed in some way, and give how it is to be read."""
    source = name if name != "auto" else random.choice(list(FORMATS))
    values: dict[str, Any] = {"format": name, **SMALL, "min_count": random.choice((1, 2, 5))}
    values["allow_truncated"] = random.random() < 0.5
    values["max_rejects"] = random.choice((0.0, 0.01, 1.0, 1.0, 1.0))
    values["member"] = random.choice((None, None, None, "*", "*review*", "[", "../*"))
    if name == "table":
        values["table"] = table_config(random)
    data = dump_lines(random, source)
    if source == "table" and random.random() < 0.4:
        data = table_parquet(random)
    file = world.place / random.choice(("dump", "dump.json.gz", "d*?[.csv", 'it\'s "%s".tsv'))
    file.write_bytes(compressed(random, data))
    return file, build(DataConfig, values)


def dump_lines(random: Random, name: str) -> bytes:
    """Give the lines of a small dump in a format, some of them mutated."""
    rows = ROWS[: random.choice((3, 20, 80))]
    if name in RATINGS:
        lines = [RATINGS[name].format(*row).encode() for row in rows]
        if name == "amazon_ratings_2023" or (name == "table" and random.random() < 0.5):
            lines.insert(0, random.choice(HEADERS))
    else:
        values = [REVIEWS[name](*row) for row in rows]
        lines = [_written(random, value) + b"\n" for value in values]
        for _ in range(int(random.expovariate(0.5))):
            place = random.randrange(len(lines))
            lines[place] = _written(random, mutate_value(random, values[place])) + b"\n"
    for _ in range(int(random.expovariate(0.5))):
        place = random.randrange(len(lines))
        lines[place] = mutate_bytes(random, lines[place], lines)
    text = b"".join(lines)
    return mutate_bytes(random, text) if random.random() < 0.3 else text


def _written(random: Random, value: Any) -> bytes:
    loose = random.random() < 0.3
    return repr(value).encode("utf-8", "replace") if loose else as_json(value)


def table_config(random: Random) -> dict[str, Any]:
    """Give the section data.table, mostly one that fits."""
    if random.random() < 0.5:
        places: dict[str, Any] = {"user": 1, "item": 2, "rating": 3, "time": 4}
    else:
        places = {"user": "user", "item": "item", "rating": "rating", "time": "time"}
    more = {
        "time_unit": random.choice(("seconds", "milliseconds", "nanoseconds", "days", "iso")),
        "delimiter": random.choice((None, None, "\t", ",", "::", '"', "\n", "'", "é", "")),
        "quotes": random.random() < 0.7,
        "header": random.choice((None, None, True)),
    }
    if random.random() < 0.2:
        more["time_format"] = random.choice(("%Y-%m-%d", "%s", "%", "%Q", "", "%f%f%f", "x"))
    table = places | {key: value for key, value in more.items() if random.random() < 0.5}
    return mutate_value(random, table) if random.random() < 0.2 else table


def table_parquet(random: Random) -> bytes:
    """Give a table as Parquet, mutated."""
    users, items, times, ratings = zip(*ROWS, strict=True)
    columns = {"user": users, "item": items, "rating": ratings, "time": times}
    data = parquet_bytes(mutate_table(random, pa.table({k: list(v) for k, v in columns.items()})))
    return mutate_bytes(random, data) if random.random() < 0.5 else data
