"""The report on a sweep, as files; test_pages_in_a_browser.py looks at it."""

import html
import html.parser
import json
import shutil
from pathlib import Path

import pytest

from basrec.errors import InputError
from basrec.experiment_page import write_experiment_report

PUBLISHED = Path(__file__).parents[2] / "configs" / "published"


@pytest.fixture(scope="module")
def page(sweep: Path) -> Path:
    return write_experiment_report(sweep, PUBLISHED, repeat="basrec sweep tiny")


class Cells(html.parser.HTMLParser):
    """Collects the cells of the tables, what is pointed to, and the tags."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.targets: list[str] = []
        self.tags: list[str] = []
        self.at = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.tags.append(tag)
        self.targets += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag == "table":
            self.at = told.get("id") or ""
            self.tables[self.at] = []
        if tag == "tr":
            self.tables[self.at].append([])
        if tag in ("td", "th"):
            self.tables[self.at][-1].append("")

    def handle_data(self, data: str) -> None:
        if self.at and self.tables[self.at] and self.tables[self.at][-1]:
            self.tables[self.at][-1][-1] += data.strip("\n")


def cells_of(text: str) -> Cells:
    cells = Cells()
    cells.feed(text)
    return cells


def test_the_page_needs_no_script_and_no_network(page: Path) -> None:
    text = page.read_text()
    cells = cells_of(text)
    assert "svg" in cells.tags and not {"script", "link", "img"} & set(cells.tags)
    assert all(target.startswith("#") for target in cells.targets)
    assert "@import" not in text and "url(http" not in text
    assert "Tiny &amp; &lt;quick&gt;" in text and "out of memory &lt;here&gt;" in text
    assert all(f'id="{target[1:]}"' in text for target in cells.targets)


def test_the_headline_has_the_means_of_the_runs(page: Path, sweep: Path) -> None:
    rows = cells_of(page.read_text()).tables["headline"]
    runs = sweep.parents[1] / "runs" / "beauty"
    values = [
        json.loads((runs / f"BASRec-{seed}" / "metrics.json").read_text())["test"]["HR@10"]
        for seed in (1, 2, 3)
    ]
    (row,) = [row for row in rows if row[1:2] == ["BASRec"]]
    assert row[3].startswith(f"{sum(values) / 3:.4f}")


def test_all_parts_are_there(page: Path) -> None:
    text = page.read_text()
    cells = cells_of(text)
    tables = {"headline", "summary", "statistics-NDCG@10", "published", "times", "augmentation"}
    assert tables <= set(cells.tables)
    assert len(cells.tables["summary"]) == 1 + 3 * 2  # a head; three variants, two metrics
    assert "With 3 seeds the Wilcoxon test cannot go below p = 0.25" in text
    assert (
        text.count("Not done on both sides with seed 3; 2 compared: beauty, sasrec, alpha 0.2.")
        == 1
    )
    assert "<code>augmentation.alpha</code>" in text
    assert "failed</span> beauty, sasrec, alpha 0.2, seed 3" in text
    assert text.count("basrec train ") == 8 and "<code>basrec sweep tiny</code>" in text
    (times,) = [row for row in cells.tables["times"] if row[0] == "Beauty, SASRec, BASRec"]
    assert times == ["Beauty, SASRec, BASRec", "3", "3.0", "0.2", "–", "100.5"]  # noqa: RUF001
    similar = [row for row in cells.tables["augmentation"] if "similarity: mean" in row[2]]
    assert similar == [["Beauty, SASRec", "BASRec", "similarity: mean", "0.4000"]]  # of .3 .4 .5
    losses = [row[1:3] for row in cells.tables["augmentation"] if "cross sequence / main" in row[2]]
    assert [variant for variant, _ in losses] == ["BASRec", "alpha 0.2"]
    assert cells.tables["users-NDCG@10"][1][4] == "60"  # users of the data


def test_the_published_values_stand_beside_ours(page: Path) -> None:
    rows = cells_of(page.read_text()).tables["published"]
    (row,) = [row for row in rows if row[2:4] == ["Base", "HR@10"]]
    assert row[6] == "0.0639"
    assert float(row[7]) == pytest.approx(float(row[4]) - 0.0639, abs=1e-4)
    told = {row[2] for row in rows[1:]}
    assert told == {"Base", "BASRec"}  # 'alpha 0.2' is not in the table


def test_the_same_sweep_gives_the_same_page(page: Path, sweep: Path, tmp_path: Path) -> None:
    again = write_experiment_report(
        sweep, PUBLISHED, tmp_path / "report.html", repeat="basrec sweep tiny"
    )
    assert again.read_text() == page.read_text()
    assert json.loads(again.with_suffix(".json").read_text())["baseline"] == "Base"


def test_curves_are_drawn_from_the_sweeps_own_files(sweep: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(sweep, tmp_path / "sweeps" / "tiny")
    bare = write_experiment_report(moved, PUBLISHED).read_text()
    assert "Neither run folders nor history.csv are there" in bare and "<svg" not in bare
    lines = ["dataset,backbone,variant,seed,stage,epoch,loss,HR@10,NDCG@10,NDCG@20"]
    for stage, loss in ((1, 2.0), (1, 1.5), (2, 1.9)):
        lines.append(f"beauty,sasrec,BASRec,1,{stage},{1 if stage == 2 else loss},{loss},,0.1,0.2")
    lines[2] = lines[2].replace(",1,1.5,", ",1,2,")
    lines[1] = lines[1].replace(",1,2.0,", ",1,1,")
    (moved / "history.csv").write_text("\n".join(lines) + "\n")
    text = write_experiment_report(moved, PUBLISHED).read_text()
    for told in ("validation NDCG@10", "training loss", "stage 2", "Curves need the run folders"):
        assert told in text
    assert text.count("<svg") == 2
    (row,) = [r for r in cells_of(text).tables["augmentation"] if "similarity: mean" in r]
    assert row[3].startswith("0.4000")  # from similarity.csv
    (moved / "history.csv").write_text("\n".join(lines).replace(",2,1,", ",two,1,"))
    with pytest.raises(InputError, match=r"history.csv, row \d+: not as a sweep writes it"):
        write_experiment_report(moved, PUBLISHED)


DAMAGE = {
    "ranks.parquet": lambda text: text[: len(text) // 2],
    "manifest.json": lambda _: b"{}",
    "environment.json": lambda _: None,
    "metrics.json": lambda _: b"[]",
    "history.jsonl": lambda text: text.replace(b'"validation"', b'"other"', 1),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_run_folder_is_a_note_and_no_more(sweep: Path, tmp_path: Path, name: str) -> None:
    data = shutil.copytree(sweep.parents[1], tmp_path / "data")
    path = data / "runs" / "beauty" / "BASRec-2" / name
    text = DAMAGE[name](path.read_bytes())
    path.unlink()
    if text is not None:
        path.write_bytes(text)
    page = write_experiment_report(data / "sweeps" / "tiny", PUBLISHED).read_text()
    assert "<li>beauty, sasrec, BASRec, seed 2: " in page and str(path.parent) in page
    assert page.count("basrec train ") == 7
    (headline,) = [r for r in cells_of(page).tables["summary"] if r[2:4] == ["BASRec", "HR@10"]]
    assert headline[4] == "3"  # its metrics are those of the results


def test_a_page_by_another_ending_is_refused(sweep: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"name a \.html file"):
        write_experiment_report(sweep, PUBLISHED, tmp_path / "report.json")
