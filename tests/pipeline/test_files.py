"""Digests are those of the bytes on disk, whatever was read or written meanwhile."""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.config import DataConfig
from pipeline.files import DigestedSink
from pipeline.interactions import ingest

ROW = b'{"user_id": "u", "business_id": "i", "stars": 3.0, "date": "2019-01-02 03:04:05"}\n'


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def as_tar(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("review.json", "photo.json"):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize("kind", ["plain", "gzip", "zstd", "tar", "cut"])
def test_the_manifest_has_the_digests_of_what_was_read_and_written(
    kind: str, tmp_path: Path
) -> None:
    lines = ROW * 5000
    data = {
        "plain": lines,
        "gzip": gzip.compress(lines),
        "zstd": pa.compress(lines, "zstd", asbytes=True),
        "tar": as_tar(lines),  # what follows the last member that fits is digested too
        "cut": gzip.compress(lines)[:-20],
    }[kind]
    raw = tmp_path / "raw"
    raw.write_bytes(data)
    config = DataConfig(format="yelp", allow_truncated=kind == "cut")
    manifest = ingest([raw], tmp_path / "in", config)
    assert manifest.inputs == {"1 raw": sha256(raw)}
    assert manifest.outputs == {
        name: sha256(tmp_path / "in" / name) for name in ("interactions.parquet", "rejects.parquet")
    }
    assert ingest([raw], tmp_path / "in", config).reused


def test_a_sink_digests_what_it_writes(tmp_path: Path) -> None:
    with DigestedSink(tmp_path / "out") as sink:
        assert sink.write(b"one ") == 4
        sink.write(memoryview(b"two"))  # type: ignore[arg-type]
    assert (tmp_path / "out").read_bytes() == b"one two"
    assert sink.digest.hexdigest() == sha256(tmp_path / "out")
