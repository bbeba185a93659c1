"""Fetch a raw dump from its publisher: resumable, checked, in place only when complete."""

import errno
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import httpx

from pipeline.datasets import DatasetConfig
from pipeline.errors import InputError, MachineError
from pipeline.files import digest_file

Progress = Callable[[int, int | None], None]
ATTEMPTS = 5
CHUNK_BYTES = 1 << 20


class _Broken(Exception):
    """The connection broke off; what came is kept and the rest asked for again."""


def download(
    dataset: DatasetConfig,
    folder: Path,
    progress: Progress | None = None,
    pause_seconds: float = 1.0,
) -> Path:
    """Fetch a dataset's dump into `folder`; a file already there is kept.

    A broken-off fetch goes on from its `.part` file where the server still has the same file.
    `progress` is told the bytes so far and, where known, in all.
    Errors: InputError where the dump may not or cannot be fetched; MachineError for the network
    and the disk.
    """
    if dataset.url is None:
        raise InputError(f"{dataset.name}: cannot be fetched by a program. {dataset.terms or ''}")
    target = folder / _file_name(dataset.url)
    if target.exists():
        return target
    part = target.with_name(target.name + ".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _fetch_with_retries(
            dataset.url, part, progress or (lambda done, total: None), pause_seconds
        )
        size = part.stat().st_size
        if dataset.size_bytes is not None and size != dataset.size_bytes:
            part.unlink()
            raise InputError(
                f"{dataset.url}: {size} bytes came, {dataset.size_bytes} were expected; "
                "the publisher's file has changed"
            )
        if dataset.sha256 is not None and (digest := digest_file(part)) != dataset.sha256:
            part.unlink()
            raise InputError(
                f"{dataset.url}: what came has the SHA-256 {digest}, {dataset.sha256} was "
                "expected; it is damaged, or the publisher's file has changed"
            )
        part.replace(target)
    except OSError as exc:
        full = exc.errno == errno.ENOSPC
        why = "the disk is full" if full else f"cannot be written ({exc.strerror})"
        raise (MachineError if full else InputError)(f"{folder}: {why}; mend it and go on") from exc
    return target


def _file_name(url: str) -> str:
    """Take the file's name from an address; nothing in it can lead out of the folder."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise InputError(f"{url}: has no usable file name")
    return name


def _fetch_with_retries(url: str, part: Path, progress: Progress, pause: float) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _fetch(url, part, progress)
        except (httpx.TransportError, _Broken) as exc:
            if attempt == ATTEMPTS:
                raise MachineError(
                    f"{url}: {exc or type(exc).__name__}, {ATTEMPTS} times; "
                    "what came is kept: try again later"
                ) from exc
            time.sleep(pause * 2 ** (attempt - 1))
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as exc:
            raise InputError(f"{url}: not an address ({exc})") from exc
        else:
            return


def _fetch(url: str, part: Path, progress: Progress) -> None:
    """Ask for what is missing and append it; start afresh where the server has another file."""
    have = part.stat().st_size if part.exists() else 0
    tag_file = part.with_name(part.name + ".tag")
    headers = {"Accept-Encoding": "identity"}
    if have and tag_file.exists():
        headers |= {"Range": f"bytes={have}-", "If-Range": tag_file.read_text()}
    with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=30) as answer:
        if answer.status_code == 416:
            part.unlink(missing_ok=True)
            raise _Broken("the kept part is longer than the file")
        if answer.status_code not in (200, 206):
            raise InputError(f"{url}: the server answers {answer.status_code}; check the address")
        resumed = answer.status_code == 206
        have = have if resumed else 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length and length.isdigit() else None
        tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        with part.open("ab" if resumed else "wb") as file:
            tag_file.unlink(missing_ok=True)
            if tag:
                tag_file.write_text(tag)
            for chunk in answer.iter_bytes(CHUNK_BYTES):
                file.write(chunk)
                have += len(chunk)
                progress(have, total)
    if total is not None and have != total:
        raise _Broken(f"{have} of {total} bytes came")
    tag_file.unlink(missing_ok=True)
