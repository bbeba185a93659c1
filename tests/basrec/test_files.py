"""Files that two write at once, and what a kill leaves of them."""

from pathlib import Path

import pytest

from basrec.files import read_yaml, write_whole
from basrec.run_folder import open_work_folder


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"

    def write_slowly(beside: Path) -> None:
        beside.write_text("one")
        write_whole(path, lambda other: other.write_text("other"))
        assert path.read_text() == "other"

    write_whole(path, write_slowly)
    assert path.read_text() == "one" and list(tmp_path.iterdir()) == [path]


def test_a_run_that_goes_on_clears_half_written_files_away(tmp_path: Path) -> None:
    work = open_work_folder(tmp_path / "run", resume=True)
    for name in ("checkpoint.pt", "checkpoint.pt.tmp-0123abcd", "config.yaml.tmp"):
        (work / name).write_text("x")
    open_work_folder(tmp_path / "run", resume=True)
    assert [path.name for path in work.iterdir()] == ["checkpoint.pt"]


def test_yaml_of_ours_has_no_aliases_and_whatever_is_wrong_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("a: [1, {b: x}]\n")
    assert read_yaml(path) == {"a": [1, {"b": "x"}]}
    for text in (
        "a: &x [1]\nb: *x\n",
        "[" * 5000,
        "- " * 30 + "x",
        "!!int x",
        "a: 2019-02-30",
        "\0",
        "!!timestamp x",
    ):
        path.write_text(text)
        with pytest.raises(ValueError):
            read_yaml(path)
