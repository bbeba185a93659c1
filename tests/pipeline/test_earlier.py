"""A dump that grew gives what a clean read of it gives, and its old part is not parsed again."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from pipeline import interactions as module
from pipeline import row_files, streams
from pipeline.config import DataConfig
from pipeline.errors import InputError
from pipeline.folder import MANIFEST
from pipeline.interactions import ingest
from pipeline.manifest import Manifest
from pipeline.preparation import OUTPUTS, prepare

TIME = 1_391_040_000
QUOTED = {"user": "user", "item": "thing", "time": "when"}
CONFIGS = {
    "amazon_2014": {},
    "amazon_2023": {},
    "yelp": {},
    "amazon_ratings_2018": {},
    "amazon_ratings_2023": {},
    "table": {"table": {"user": 1, "item": 2, "rating": 3, "time": 4}},
    "quoted": {"format": "table", "table": QUOTED},
    "auto": {},
}


def line(kind: str, number: int) -> str:
    """One row of a layout; every seventh one cannot be used."""
    user, item, stars = f"u{number % 13}é", f"i{number % 7}", float(number % 5)
    time = "never" if number % 7 == 3 else TIME + number
    if kind in ("amazon_2014", "auto"):
        row = {"reviewerID": user, "asin": item, "overall": stars, "unixReviewTime": time}
        return (repr(row) if number % 2 and kind != "auto" else json.dumps(row)) + "\n"
    if kind == "amazon_2023":
        milliseconds = time if isinstance(time, str) else time * 1000
        return json.dumps(
            {"user_id": user, "parent_asin": item, "rating": stars, "timestamp": milliseconds}
        ) + ("\r\n" if number % 2 else "\n")
    if kind == "yelp":
        date = time if isinstance(time, str) else f"2019-01-02 03:{number % 60:02}:05"
        return (
            json.dumps({"user_id": user, "business_id": item, "stars": stars, "date": date}) + "\n"
        )
    if kind == "quoted":
        return f'"{item}\n{"" if number % 2 else "x"}","{user}",a "b" c,{time}\n'
    if kind == "table":
        return f"{user}\t{item}\t{stars}\t{time}\n"
    first, second = (user, item) if kind == "amazon_ratings_2023" else (item, user)
    stamp = f"{time}000" if kind == "amazon_ratings_2023" else time
    return f"{first},{second},{stars},{stamp}\n" + ("\n" if number % 5 == 0 else "")


def dump(kind: str, first: int, last: int) -> bytes:
    header = {"quoted": "thing,user,text,when\n", "amazon_ratings_2023": "a,b,c,d\n"}
    start = header.get(kind, "") if first == 0 else ""
    return (start + "".join(line(kind, number) for number in range(first, last))).encode()


def config_of(kind: str) -> DataConfig:
    return DataConfig(**{"format": kind, "max_rejects": 0.9, "min_count": 1} | CONFIGS[kind])


def digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob("*.parquet")
    }


def check_equal(raw: list[Path], grown: Manifest, config: DataConfig, clean: Path) -> None:
    """Compare a folder with what reading everything anew gives, digest by digest."""
    whole = ingest(raw, clean, config)
    assert whole.rows["taken over"] == 0
    assert grown.outputs == whole.outputs == digests(clean)
    assert (grown.key, grown.inputs, grown.reading) == (whole.key, whole.inputs, whole.reading)
    same = {"taken over"}
    assert {k: v for k, v in grown.rows.items() if k not in same} == {
        k: v for k, v in whole.rows.items() if k not in same
    }


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let blocks, batches and row groups end in the middle of what little there is."""
    monkeypatch.setattr(streams, "BLOCK_BYTES", 777)
    monkeypatch.setattr(row_files, "GROUP_ROWS", dict.fromkeys(row_files.OUTPUTS, 16))
    yield


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_an_appended_dump_is_as_if_read_anew(kind: str, tmp_path: Path) -> None:
    config, raw = config_of(kind), tmp_path / "raw"
    old, data = len(dump(kind, 0, 40)), dump(kind, 0, 60)
    # Cut between two lines, before a line's end, within a line; one byte more, half a line more.
    for cut, end in [(old, len(data)), (old, old + 1), (old - 1, len(data) - 5), (old - 9, old)]:
        raw.write_bytes(data[:cut])
        before = ingest([raw], tmp_path / "in", config)
        raw.write_bytes(data[:end])
        if kind == "quoted" and end == old + 1:  # a quote that is not closed yet
            with pytest.raises(InputError, match="never closed"):
                ingest([raw], tmp_path / "in", config)
            continue
        grown = ingest([raw], tmp_path / "in", config)
        check_equal([raw], grown, config, tmp_path / f"clean-{cut}-{end}")
        # At most the line that had no end is parsed once more.
        is_whole = data[:cut].endswith(b"\n")
        assert before.rows["raw"] - grown.rows["taken over"] in ([0] if is_whole else [0, 1])


@pytest.mark.parametrize("kind", ["yelp", "table", "quoted"])
def test_a_dump_that_grows_night_after_night_prepares_to_the_same(
    kind: str, tmp_path: Path
) -> None:
    config, raw = config_of(kind), tmp_path / "raw"
    last = 0
    for end in (30, 37, 38, 70):
        raw.write_bytes(dump(kind, 0, end))
        night = ingest([raw], tmp_path / "in", config)
        assert night.rows["taken over"] == last
        last = night.rows["raw"]
        assert ingest([raw], tmp_path / "in", config).reused
    check_equal([raw], night, config, tmp_path / "clean")
    ours = prepare(tmp_path / "in", tmp_path / "prepared", config)
    theirs = prepare(tmp_path / "clean", tmp_path / "prepared-clean", config)
    assert ours.outputs == theirs.outputs and set(ours.outputs) == set(OUTPUTS)
    raw.write_bytes(dump(kind, 0, 80))  # a prepared folder will do
    later = ingest([raw], tmp_path / "in2", config, before=tmp_path / "prepared")
    assert later.rows["taken over"] == last
    check_equal([raw], later, config, tmp_path / "clean2")


def test_only_what_was_appended_is_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def spied(*args: object) -> Iterator[pa.RecordBatch]:
        for batch in parsed(*args):  # type: ignore[arg-type]
            seen.extend(batch["row"].to_pylist())
            yield batch

    parsed = module._parsed
    monkeypatch.setattr(module, "_parsed", spied)
    config, raw = config_of("yelp"), tmp_path / "raw"
    for end in (40, 50):
        raw.write_bytes(dump("yelp", 0, end))
        ingest([raw], tmp_path / "in", config)
    assert seen == list(range(1, 51))
    raw.write_bytes(dump("yelp", 0, 55)[:-20])  # a line without its end is parsed again
    ingest([raw], tmp_path / "in", config)
    raw.write_bytes(dump("yelp", 0, 56))
    ingest([raw], tmp_path / "in", config)
    assert seen == [*range(1, 56), 55, 56]


@pytest.mark.parametrize("squeeze", [bytes, gzip.compress])
def test_of_a_folder_only_further_files_are_parsed(squeeze: object, tmp_path: Path) -> None:
    raw, config = tmp_path / "raw", config_of("amazon_2014")
    raw.mkdir()
    for number, (first, last) in enumerate([(0, 20), (20, 25), (25, 40)]):
        (raw / f"{number}").write_bytes(squeeze(dump("amazon_2014", first, last)))  # type: ignore[operator]
        night = ingest([raw], tmp_path / "in", config)
        assert night.rows["taken over"] == first
    check_equal([raw], night, config, tmp_path / "clean")
    (raw / "1").write_bytes(squeeze(dump("amazon_2014", 20, 24)))  # type: ignore[operator]
    changed = ingest([raw], tmp_path / "in", config)
    assert changed.rows["taken over"] == 20
    check_equal([raw], changed, config, tmp_path / "clean2")
    (raw / "2").unlink()  # what is there no more takes its rows with it
    fewer = ingest([raw], tmp_path / "in", config)
    assert fewer.rows["taken over"] == fewer.rows["raw"] == 24
    check_equal([raw], fewer, config, tmp_path / "clean3")


def test_of_parquet_only_further_files_are_read(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    config = DataConfig(format="auto")
    for number in range(3):
        times = [TIME + number, TIME + 10 * number]
        frame = pl.DataFrame({"user": ["u", "v"], "item": ["i", "j"], "time": times})
        frame.write_parquet(raw / f"{number}.parquet")
        night = ingest([raw], tmp_path / "in", config)
        assert night.rows["taken over"] == 2 * number
    check_equal([raw], night, config, tmp_path / "clean")


def test_a_compressed_file_that_grew_is_read_whole(tmp_path: Path) -> None:
    raw, config = tmp_path / "raw.gz", config_of("yelp")
    raw.write_bytes(gzip.compress(dump("yelp", 0, 20)))
    ingest([raw], tmp_path / "in", config)
    raw.write_bytes(raw.read_bytes() + gzip.compress(dump("yelp", 20, 30)))
    grown = ingest([raw], tmp_path / "in", config)
    assert grown.rows["taken over"] == 0 and grown.rows["raw"] == 30
    check_equal([raw], grown, config, tmp_path / "clean")


@pytest.mark.parametrize(
    "what", ["first byte", "last byte", "shorter", "options", "damaged", "layout", "versions"]
)
def test_where_anything_else_differs_all_is_read(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = "quoted" if what == "layout" else "table"
    raw, config = tmp_path / "raw", config_of(kind)
    old, data = dump(kind, 0, 40), dump(kind, 0, 50)
    raw.write_bytes(old)
    ingest([raw], tmp_path / "in", config)
    if what == "first byte":
        data = b"U" + data[1:]
    elif what == "last byte":
        data = data[: len(old) - 2] + b"8" + data[len(old) - 1 :]
    elif what == "shorter":
        data = data[: len(old) - 3]
    elif what == "options":
        config = config.model_copy(update={"max_rejects": 0.8})
    elif what == "damaged":
        (tmp_path / "in" / "rejects.parquet").write_bytes(b"no more")
    elif what == "versions":
        monkeypatch.setattr("pipeline.earlier.versions", lambda: {"duckdb": "0"})
    elif what == "layout":
        record = json.loads((tmp_path / "in" / MANIFEST).read_text())
        record["stages"]["ingest"]["reading"]["layout"] = "another"
        (tmp_path / "in" / MANIFEST).write_text(json.dumps(record))
    raw.write_bytes(data)
    grown = ingest([raw], tmp_path / "in", config)
    assert grown.rows["taken over"] == 0
    check_equal([raw], grown, config, tmp_path / "clean")


def test_a_tail_of_bad_rows_is_refused_with_the_words_of_a_clean_read(tmp_path: Path) -> None:
    raw, config = tmp_path / "raw", config_of("yelp").model_copy(update={"max_rejects": 0.2})
    raw.write_bytes(dump("yelp", 0, 40))
    ingest([raw], tmp_path / "in", config)
    kept = digests(tmp_path / "in")
    raw.write_bytes(dump("yelp", 0, 40) + b"no row\n" * 10)
    with pytest.raises(InputError) as grown:
        ingest([raw], tmp_path / "in", config)
    with pytest.raises(InputError) as clean:
        ingest([raw], tmp_path / "clean", config)
    assert str(grown.value) == str(clean.value) and "not_json 10" in str(clean.value)
    assert digests(tmp_path / "in") == kept


def test_a_broken_file_stays_counted_when_it_is_taken_over(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    config = config_of("yelp").model_copy(update={"allow_truncated": True})
    (raw / "1.gz").write_bytes(gzip.compress(dump("yelp", 0, 2000))[:-200])
    ingest([raw], tmp_path / "in", config)
    (raw / "2").write_bytes(dump("yelp", 0, 20))
    grown = ingest([raw], tmp_path / "in", config)
    assert grown.rows["truncated files"] == 1 and grown.rows["taken over"] > 20
    check_equal([raw], grown, config, tmp_path / "clean")
