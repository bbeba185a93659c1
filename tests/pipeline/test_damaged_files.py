"""What becomes of damaged and doubly packed files and archives: nothing is lost in silence."""

import gzip
import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.config import DataConfig
from pipeline.errors import InputError
from pipeline.interactions import ingest
from tests.pipeline.dumps import line, read


@pytest.mark.parametrize("damage", ["cut", "spoilt"])
def test_the_good_part_of_a_broken_gzip_is_kept_when_asked(damage: str, tmp_path: Path) -> None:
    lines = [line(reviewerID=f"u{n * 7919 % 100_003}") for n in range(20_000)]
    data = bytearray(gzip.compress("".join(lines).encode()))
    middle = len(data) // 2
    if damage == "cut":
        del data[middle:]
    else:
        data[middle : middle + 50] = b"\xff" * 50
    raw = tmp_path / "raw.gz"
    raw.write_bytes(data)
    with pytest.raises(InputError, match=r"breaks off|damaged"):
        ingest([raw], tmp_path / "in", DataConfig())
    if damage == "spoilt":  # what follows the damage decodes to garbage until that is noticed
        with pytest.raises(InputError, match=r"over the limit"):
            read(raw, tmp_path / "in", allow_truncated=True, max_rejects=0.01)
    good, bad = read(raw, tmp_path / "in", allow_truncated=True)
    whole = bad["row"][0] - 1
    assert 1000 < whole < len(lines)
    users = [json.loads(text)["reviewerID"] for text in lines[:whole]]
    assert good["user"][:whole].to_list() == users
    assert bad["reason"].to_list()[-1] == "cut_off"
    record = json.loads((tmp_path / "in" / "manifest.json").read_text())["stages"]["ingest"]
    assert record["rows"]["truncated files"] == 1


def test_yelp_is_read_from_its_archive(tmp_path: Path) -> None:
    review = json.dumps(
        {"user_id": "U", "business_id": "I", "stars": 3.0, "date": "2019-01-02 03:04:05"}
    )
    archive = tmp_path / "yelp_dataset.tar"
    with tarfile.open(archive, "w") as tar:
        for name, text in (
            ("../../escape.json", "{}"),
            ("Dataset_User_Agreement.pdf", "%PDF"),
            ("yelp_academic_dataset_business.json", '{"business_id": "I"}'),
            ("yelp_academic_dataset_review.json", review),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    squeezed = tmp_path / "named_anyhow"
    squeezed.write_bytes(gzip.compress(archive.read_bytes()))
    for raw in (archive, squeezed):
        good, bad = read(raw, tmp_path / "in", format="yelp")
        assert good.rows() == [("U", "I", 3.0, 1_546_398_245, 1)] and len(bad) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "named_anyhow", archive.name]
    with pytest.raises(InputError, match=r"no member fits '\*x\*'; it holds .*business"):
        read(archive, tmp_path / "in", format="yelp", member="*x*")
    archive.write_bytes(archive.read_bytes()[:3000])
    with pytest.raises(InputError, match=r"no member fits|breaks off"):
        read(archive, tmp_path / "in", format="yelp")


def test_the_good_part_of_a_broken_archive_is_kept_when_asked(tmp_path: Path) -> None:
    row = {"business_id": "I", "stars": 3.0, "date": "2019-01-02 03:04:05"}
    text = "".join(json.dumps({"user_id": f"U{n}"} | row) + "\n" for n in range(20_000))
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        entry = tarfile.TarInfo("review.json")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text.encode()))
    for name, data in (("plain", whole.getvalue()), ("gz", gzip.compress(whole.getvalue()))):
        raw = tmp_path / name
        raw.write_bytes(data[: len(data) // 2])
        with pytest.raises(InputError, match=r"breaks off .*--allow-truncated"):
            read(raw, tmp_path / "in", format="yelp")
        good, bad = read(raw, tmp_path / "in", format="yelp", allow_truncated=True)
        assert 5000 < len(good) < 15_000
        assert good["user"].to_list() == [f"U{n}" for n in range(len(good))]
        assert bad["reason"].to_list() in ([], ["cut_off"])


def three_members() -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name in ("a_review", "b_review", "c_review"):
            text = "".join(line(reviewerID=f"{name}{n}") for n in range(100)).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    return whole.getvalue()


@pytest.mark.parametrize("damage", ["no_end", "cut_header", "spoilt_header", "zeroed_header"])
def test_no_member_of_a_damaged_archive_is_lost_in_silence(damage: str, tmp_path: Path) -> None:
    data = bytearray(three_members())
    second = data.index(b"b_review\0")
    if damage == "no_end":
        del data[second:]
    elif damage == "cut_header":
        del data[second + 100 :]
    elif damage == "spoilt_header":
        data[second + 20 : second + 30] = b"x" * 10
    else:
        data[second : second + 512] = bytes(512)
    raw = tmp_path / "raw.tar"
    raw.write_bytes(data)
    with pytest.raises(InputError, match="archive breaks off"):
        read(raw, tmp_path / "in")
    good, _ = read(raw, tmp_path / "in", allow_truncated=True)
    assert len(good) == 100
    record = json.loads((tmp_path / "in" / "manifest.json").read_text())["stages"]["ingest"]
    assert record["rows"]["truncated files"] == 1
    raw.write_bytes(three_members())
    assert len(read(raw, tmp_path / "in")[0]) == 300


def test_marks_and_hidden_members_of_an_archive_are_no_rows(tmp_path: Path) -> None:
    raw = tmp_path / "raw.tar"
    with tarfile.open(raw, "w") as tar:
        for name, text in (
            ("a_review", b"\xef\xbb\xbf" + line().encode()),
            ("._b_review", b"Mac OS X"),
            ("b_review", b"\xef\xbb\xbf" + line().encode()),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    good, bad = read(raw, tmp_path / "in")
    assert (len(good), len(bad)) == (2, 0)


def test_zeros_and_other_bytes_behind_gzip_data(tmp_path: Path) -> None:
    raw = tmp_path / "raw.gz"
    packed = gzip.compress(line().encode())
    raw.write_bytes(packed + bytes(10))
    assert len(read(raw, tmp_path / "in")[0]) == 1
    raw.write_bytes(packed + bytes(10) + packed + bytes(100_000))
    assert len(read(raw, tmp_path / "in")[0]) == 2
    raw.write_bytes(packed + b"rest")
    with pytest.raises(InputError, match="what follows the end of its gzip data"):
        read(raw, tmp_path / "in")
    assert len(read(raw, tmp_path / "in", allow_truncated=True)[0]) == 1


@pytest.mark.parametrize(
    ("inner", "told"),
    [
        (gzip.compress(line().encode()), "inside its compression it is compressed once more"),
        ("{}".encode("utf-16"), "inside its compression it is UTF-16"),
        (b"PK\x03\x04rest", "inside its compression it is a zip archive"),
    ],
    ids=["gzip", "utf-16", "zip"],  # gzip's bytes hold the time
)
def test_what_is_packed_twice_is_told(inner: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(gzip.compress(inner))
    with pytest.raises(InputError, match=told):
        read(tmp_path / "raw", tmp_path / "in")


def test_zstd_may_begin_with_a_frame_of_notes(tmp_path: Path) -> None:
    notes = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"note"
    (tmp_path / "raw").write_bytes(notes + pa.compress(line().encode(), "zstd", asbytes=True))
    assert len(read(tmp_path / "raw", tmp_path / "in")[0]) == 1
