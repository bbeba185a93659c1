"""Checkpoints: a damaged one is refused, and the one before it is used."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from basrec.checkpoint import (
    BEFORE,
    Progress,
    drop_foreign_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from basrec.errors import InputError
from basrec.files import digest_file


def save(path: Path, epoch: int, key: str = "key") -> None:
    model = torch.nn.Linear(2, 1)
    torch.nn.init.constant_(model.weight, epoch)
    save_checkpoint(path, key, Progress(epoch=epoch), model, torch.optim.Adam(model.parameters()))


def epoch_of(saved: Any) -> int:
    progress, weights, _ = saved
    assert weights["weight"].tolist() == [[progress.epoch] * 2]  # of one moment
    return int(progress.epoch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a checkpoint of epoch 2, that of epoch 1 beside it."""
    for epoch in (1, 2):
        save(tmp_path / "checkpoint.pt", epoch)
    return tmp_path / "checkpoint.pt"


def flip(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "a byte": lambda content: content[:1],
    "cut in half": lambda content: content[: len(content) // 2],
    "its last byte lost": lambda content: content[:-1],
    "without its checksum": lambda content: content[:-32],
    "a byte more": lambda content: content + b"\0",
    "a bit of the first byte": lambda content: flip(content, 0),
    "a bit in the middle": lambda content: flip(content, len(content) // 2),
    "a bit of the checksum": lambda content: flip(content, len(content) - 1),
    "zeros": lambda content: bytes(len(content)),
    "text": lambda content: b"not a checkpoint",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_one_before_a_damaged_one_is_used(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    good = digest_file(path.with_name(BEFORE))
    drop_foreign_checkpoint(path, "key")
    assert epoch_of(load_checkpoint(path, "key")) == 1
    (told,) = caplog.messages
    assert told.startswith(f"{path}: damaged checkpoint (")
    assert told.endswith("; going on from the one before it, of stage 1, epoch 1")
    save(path, 2)  # which must not put the damaged one in the place of the good one
    assert digest_file(path.with_name(BEFORE)) == good
    assert epoch_of(load_checkpoint(path, "key")) == 2


def test_a_flipped_bit_is_noticed_wherever_it_is(path: Path) -> None:
    content = path.read_bytes()
    path.with_name(BEFORE).unlink()
    for place in range(0, len(content), 41):
        path.write_bytes(flip(content, place))
        with pytest.raises(InputError, match="its checksum does not fit"):
            load_checkpoint(path, "key")


def test_both_damaged_are_refused_or_dropped(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for file in (path, path.with_name(BEFORE)):
        file.write_bytes(b"")
    with pytest.raises(InputError, match=r"checkpoint\.pt: damaged .*; run again without --resume"):
        load_checkpoint(path, "key")
    assert path.exists()
    drop_foreign_checkpoint(path, "key")
    assert "damaged" in caplog.text and "the training starts afresh" in caplog.text
    assert load_checkpoint(path, "key") is None and list(path.parent.iterdir()) == []


def test_one_of_another_config_is_refused_or_dropped(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InputError, match="was written with another config, data or code"):
        load_checkpoint(path, "another")
    assert epoch_of(load_checkpoint(path, "key")) == 2
    drop_foreign_checkpoint(path, "another")
    assert "another config" in caplog.text and list(path.parent.iterdir()) == []


class Killed(BaseException):
    """Stands for a kill: nothing in the code under test catches it."""


@pytest.mark.parametrize("moment", ["fsync", "first rename", "second rename"])
def test_a_kill_while_one_is_written_leaves_the_last(
    path: Path, moment: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    steps: list[str] = []

    def stop(step: str) -> None:
        steps.append(step)
        if len(steps) == ("fsync", "first rename", "second rename").index(moment) + 1:
            raise Killed

    rename = Path.replace
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", lambda number: stop("fsync"))
        patched.setattr(Path, "replace", lambda one, two: (stop("rename"), rename(one, two)))
        patched.setattr(Path, "unlink", lambda *_, **__: None)  # a kill clears nothing away
        with pytest.raises(Killed):
            save(path, 3)
    (left,) = path.parent.glob("checkpoint.pt.tmp-*")
    assert path.exists() is (moment != "second rename")
    assert epoch_of(load_checkpoint(path, "key")) == 2
    save(path, 3)
    assert epoch_of(load_checkpoint(path, "key")) == 3
    assert {file.name for file in path.parent.iterdir()} == {path.name, BEFORE, left.name}
    assert not caplog.records  # nothing was damaged


@pytest.mark.parametrize("part", [{"stopping": {"a": 1}}, {}, {"stopping": None}, [], None])
def test_other_content_under_a_checksum_that_fits_is_damaged_too(path: Path, part: Any) -> None:
    torch.save({"key": "key", "progress": part, "model": {}, "optimiser": {}}, path)
    path.write_bytes(path.read_bytes() + bytes.fromhex(digest_file(path)))
    assert epoch_of(load_checkpoint(path, "key")) == 1  # the one before
