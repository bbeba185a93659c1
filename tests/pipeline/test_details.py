"""What a metadata file adds to the items of a prepared folder."""

import json
from pathlib import Path

import polars as pl
import pytest

from pipeline.config import NeighbourConfig
from pipeline.details import add_details
from pipeline.errors import InputError
from pipeline.neighbours import add_neighbours
from pipeline.schemas import validate
from tests.pipeline.test_policies import Write, prepared


def test_details_of_items(write_dump: Write, tmp_path: Path) -> None:
    folder = prepared(write_dump([("a", "x", 1), ("a", "y", 2), ("a", "z", 3)]), tmp_path)
    add_neighbours(folder, NeighbourConfig())
    meta = tmp_path / "meta.json"
    lines = [
        repr({"asin": "x", "title": "It's", "brand": "B", "categories": [["P", "Q"], ["P", "R"]]}),
        json.dumps({"asin": "y", "title": "Y", "category": ["P", "S"]}),
        json.dumps({"asin": "y", "title": "a second line"}),
        json.dumps({"asin": "unknown", "title": "U"}),
        "broken",
    ]
    meta.write_text("\n".join(lines))
    manifest = add_details(folder, [meta])
    assert manifest.rows == {"details": 2, "raw": 5, "rejects": 1}
    assert pl.read_parquet(folder / "item_details.parquet").rows() == [
        (1, "It's", "B", ["P", "Q", "R"]),
        (2, "Y", None, ["P", "S"]),
    ]
    assert add_details(folder, [meta]).reused
    assert add_neighbours(folder, NeighbourConfig()).reused
    assert not add_neighbours(folder, NeighbourConfig(top=3)).reused
    assert (folder / "item_details.parquet").exists()
    validate(folder)
    meta.write_text('{"asin": "other"}')
    with pytest.raises(InputError, match="none of its 1 lines says title"):
        add_details(folder, [meta])
    assert (folder / "item_details.parquet").exists()
