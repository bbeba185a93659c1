"""Downloads from a local server, whole, broken off and refused."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from pipeline.datasets import DatasetConfig, known_datasets, load_dataset
from pipeline.download import download
from pipeline.errors import InputError, MachineError

BODY = bytes(range(256)) * 20_000


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves BODY; can cut the first answers, ignore ranges, or change its tag."""

    cuts: ClassVar[int] = 0
    ranges: ClassVar[bool] = True
    tag: ClassVar[str] = '"v1"'
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        if "missing" in self.path:
            self.send_error(404)
            return
        asked = self.headers.get("Range", "")
        Handler.asked.append(asked)
        start = 0
        if asked and self.ranges and self.headers.get("If-Range") == self.tag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(BODY) - start))
        self.send_header("ETag", self.tag)
        self.end_headers()
        stop = len(BODY)
        if Handler.cuts:
            Handler.cuts -= 1
            stop = start + len(BODY) // 4
        self.wfile.write(BODY[start:stop])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    Handler.cuts, Handler.ranges, Handler.tag, Handler.asked = 0, True, '"v1"', []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def dataset(url: str | None, **values: object) -> DatasetConfig:
    known = {"name": "x", "title": "x", "source": "x", "licence": "x", "url": url}
    return DatasetConfig.model_validate(known | values)


def test_a_file_comes_whole_and_progress_is_told(address: str, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    path = download(
        dataset(f"{address}/a.json.gz"),
        tmp_path / "raw",
        lambda done, total: told.append((done, total)),
    )
    assert path == tmp_path / "raw" / "a.json.gz"
    assert path.read_bytes() == BODY
    assert told[-1] == (len(BODY), len(BODY))
    assert [entry.name for entry in path.parent.iterdir()] == ["a.json.gz"]


def test_a_broken_connection_goes_on_where_it_was(address: str, tmp_path: Path) -> None:
    Handler.cuts = 2
    path = download(dataset(f"{address}/a"), tmp_path, pause_seconds=0)
    assert path.read_bytes() == BODY
    kept = [int(asked.strip("bytes=-") or 0) for asked in Handler.asked]
    assert len(kept) == 3 and 0 == kept[0] < kept[1] < kept[2]  # each goes on from what was kept


def test_a_server_without_ranges_starts_afresh(address: str, tmp_path: Path) -> None:
    Handler.cuts, Handler.ranges = 1, False
    assert download(dataset(f"{address}/a"), tmp_path, pause_seconds=0).read_bytes() == BODY


def test_another_file_on_the_server_starts_afresh(address: str, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(b"old bytes")
    (tmp_path / "a.part.tag").write_text('"v0"')
    assert download(dataset(f"{address}/a"), tmp_path).read_bytes() == BODY


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"mine")
    assert download(dataset("http://127.0.0.1:9/a"), tmp_path).read_bytes() == b"mine"


def test_a_wrong_size_is_refused_and_not_kept(address: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="5120000 bytes came, 7 were expected"):
        download(dataset(f"{address}/a", size_bytes=7), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "told"),
    [("/missing", "answers 404"), ("/..", "no usable file name"), ("/", "no usable")],
)
def test_bad_addresses_are_wrong_input(address: str, tmp_path: Path, url: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        download(dataset(address + url), tmp_path, pause_seconds=0)


def test_a_name_cannot_leave_the_folder(address: str, tmp_path: Path) -> None:
    path = download(dataset(f"{address}/x/%2e%2e/%2e%2e%2fevil"), tmp_path / "raw")
    assert path.parent == tmp_path / "raw"


def test_no_server_is_the_machine_s_fault(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="5 times"):
        download(dataset("http://127.0.0.1:9/a"), tmp_path, pause_seconds=0)


def test_terms_are_told_where_nothing_may_be_fetched(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"https://www\.yelp\.com/dataset"):
        download(load_dataset("yelp"), tmp_path)


def test_every_dataset_says_where_it_comes_from() -> None:
    for name in known_datasets():
        known = load_dataset(name)
        assert known.name == name
        assert known.source and known.licence and (known.url or known.terms)


def test_another_digest_than_is_known_is_refused(address: str, tmp_path: Path) -> None:
    own = hashlib.sha256(BODY).hexdigest()
    with pytest.raises(InputError, match=f"SHA-256 {own}, {'0' * 64} was expected"):
        download(dataset(f"{address}/x.gz", sha256="0" * 64), tmp_path)
    assert not list(tmp_path.iterdir())
    assert download(dataset(f"{address}/x.gz", sha256=own), tmp_path).read_bytes() == BODY
