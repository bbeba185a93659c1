"""Stages are reused where nothing that they depend on has changed."""

import gzip
from pathlib import Path
from typing import Any

from pipeline.config import DataConfig, NeighbourConfig
from pipeline.interactions import ingest
from pipeline.manifest import Manifest
from pipeline.neighbours import add_neighbours
from pipeline.preparation import prepare
from tests.conftest import dense_rows
from tests.pipeline.preparing import Write


def test_stages_are_reused_until_input_config_or_output_change(
    write_dump: Write, tmp_path: Path
) -> None:
    raw = write_dump(dense_rows())

    def run(**options: Any) -> list[bool]:
        config = DataConfig(**{"max_rejects": 0.9} | options)
        top = NeighbourConfig(top=options.pop("top", 10)) if "top" in options else NeighbourConfig()
        stages: list[Manifest] = [
            ingest([raw], tmp_path / "in", config),
            prepare(tmp_path / "in", tmp_path / "out", config),
            add_neighbours(tmp_path / "out", top),
        ]
        return [stage.reused for stage in stages]

    assert run() == [False, False, False]
    assert run() == [True, True, True]
    assert run(memory="2GB", threads=1) == [True, True, True]
    assert run(min_count=4) == [True, False, False]
    (tmp_path / "out" / "neighbours.parquet").unlink()
    assert run(min_count=4) == [True, True, False]
    (tmp_path / "in" / "interactions.parquet").unlink()
    (tmp_path / "in" / "interactions.parquet").write_bytes(b"damaged")
    assert run(min_count=4) == [False, True, True]
    (tmp_path / "in" / "manifest.json").write_text("{damaged")
    assert run(min_count=4) == [False, True, True]
    with gzip.open(raw, "at") as more:
        more.write("not json\n")
    assert run(min_count=4) == [False, False, False]
