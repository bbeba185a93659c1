"""Folders appear whole or not at all, and nothing that is not ours is ever removed."""

from pathlib import Path

import pytest

from pipeline.errors import InputError, MachineError
from pipeline.folder import building


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def build(out: Path) -> None:
    with building(out) as work:
        (work / "manifest.json").write_text('{"stages": {}}')
        (work / "interactions.parquet").write_text("new")


def test_a_folder_of_ours_is_replaced(tmp_path: Path) -> None:
    build(tmp_path / "out")
    (tmp_path / "out" / "passport.html").write_text("old")
    build(tmp_path / "out")
    assert names(tmp_path / "out") == ["interactions.parquet", "manifest.json"]
    (tmp_path / "out" / "manifest.json").write_text("{")  # damaged, but all else is ours
    build(tmp_path / "out")
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("manifest", ['{"name": "my web app"}', "[]", "not json"])
def test_a_folder_of_another_program_is_kept(manifest: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text(manifest)
    with pytest.raises(InputError, match="not made by basrec"):
        build(tmp_path / "out")
    assert (tmp_path / "out" / "manifest.json").read_text() == manifest


@pytest.mark.parametrize("name", ["notes.txt", ".git", "raw.json.gz"])
def test_what_somebody_put_into_a_folder_of_ours_is_kept(name: str, tmp_path: Path) -> None:
    build(tmp_path / "out")
    (tmp_path / "out" / name).write_text("precious")
    with pytest.raises(InputError, match=f"holds {name}, which basrec did not put there"):
        build(tmp_path / "out")
    assert (tmp_path / "out" / name).read_text() == "precious"


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    build(tmp_path / "out")
    assert (tmp_path / "out").is_symlink() and (tmp_path / "real" / "manifest.json").exists()


def test_places_that_cannot_be_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        build(tmp_path / ("x" * 300))
    with pytest.raises(InputError, match="cannot be written"):
        build(Path("/proc/out"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is where you are"):
        build(Path())


def test_nothing_is_left_of_what_failed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), building(tmp_path / "out"):
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_what_killed_builds_left_is_cleared_and_the_old_folder_put_back(tmp_path: Path) -> None:
    build(tmp_path / "out")
    build(tmp_path / "out-2")
    (tmp_path / "out").rename(tmp_path / ".out-abcdefgh.old")  # killed between two renames
    (tmp_path / ".out-abcdefgh").mkdir()
    others = [".out-2-abcdefgh", ".out-2-abcdefgh.old", ".out-notes"]
    for name in others:
        (tmp_path / name).mkdir()
    with pytest.raises(ZeroDivisionError), building(tmp_path / "out"):
        assert names(tmp_path / "out") == ["interactions.parquet", "manifest.json"]
        raise ZeroDivisionError
    assert names(tmp_path) == sorted(["out", "out-2", *others])


def test_a_build_that_is_under_way_is_left_alone(tmp_path: Path) -> None:
    with building(tmp_path / "out") as work:
        build(tmp_path / "out")
        assert work.exists()
        (work / "manifest.json").write_text('{"stages": {}}')
    assert names(tmp_path) == ["out"] and names(tmp_path / "out") == ["manifest.json"]


def test_a_full_disk_is_the_machine_s_fault_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="the disk is full"), building(tmp_path / "out"):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []
