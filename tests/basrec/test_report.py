"""The report page."""

import html.parser
import json
import re
from pathlib import Path

import pytest

from basrec.config import TrainConfig
from basrec.errors import InputError
from basrec.report import metrics_table, write_report
from basrec.training import train

PASSPORT = {
    "steps": [
        {"step": "raw rows", "interactions": 100},
        {"step": "5-core", "users": 6, "items": 5, "interactions": 60},
    ],
    "iterations": [{"round": 0, "users": 9, "items": 9, "interactions": 90}],
    "published": None,
    "raw_rows": 100,
    "rejected_rows": {"<script>alert(1)</script>": 3},
    "length": {"min": 5, "median": 6.0, "mean": 6.2, "max": 9},
    "ties": {"share_of_users": 0.5, "share_of_users_last_two": 0.25},
    "repeats": {"interactions": 2, "users": 1},
    "digest": "abc",
    "protocol": {"since": None, "repeats": "keep"},
}


@pytest.fixture(scope="module")
def runs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("runs")
    for method in ("base", "basrec"):
        config = TrainConfig.model_validate(
            {
                "method": method,
                "model": {"embedding_size": 8, "max_length": 10},
                "train": {"batch_size": 16, "stage1": {"epochs": 2}, "stage2": {"epochs": 1}},
            }
        )
        train(folder, place / method, config)
    return [place / "base", place / "basrec"]


class Tags(html.parser.HTMLParser):
    """Collects tags and what they point to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.targets += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_is_self_contained_and_shows_the_numbers(runs: list[Path], tmp_path: Path) -> None:
    page = write_report(runs, tmp_path / "report.html", PASSPORT).read_text()
    tags = Tags()
    tags.feed(page)
    assert "svg" in tags.tags and "script" not in tags.tags
    assert not any(target.startswith(("http", "/", "file")) for target in tags.targets)
    test = json.loads((runs[1] / "metrics.json").read_text())["test"]
    table = page[page.index('id="test"') : page.index('id="validation"')]
    shown = re.findall(r">(\d\.\d{4})", table.split("basrec</td>")[1])
    assert shown[1] == f"{test['HR@10']:.4f}"
    assert "&lt;script&gt;" in page
    assert "method" in page  # the key in which the configs differ


def test_one_run_without_passport_is_enough(runs: list[Path], tmp_path: Path) -> None:
    page = write_report(runs[:1], tmp_path / "deep" / "report.html").read_text()
    assert "Dataset passport" not in page
    assert "Where the configs differ" not in page


def test_metrics_table_has_a_row_a_run(runs: list[Path]) -> None:
    assert [row["run"] for row in metrics_table(runs)] == ["base", "basrec"]


def test_an_unfinished_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run folder"):
        write_report([tmp_path], tmp_path / "report.html")
    with pytest.raises(InputError, match="no runs"):
        write_report([], tmp_path / "report.html")
