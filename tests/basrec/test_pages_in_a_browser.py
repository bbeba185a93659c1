"""The pages in a real browser engine: read, not cut off, legible in light and dark."""

import json
from pathlib import Path
from typing import Any

import pytest

from basrec.analysis_page import write_analysis
from basrec.config import TrainConfig
from basrec.experiment_page import write_experiment_report
from basrec.report import write_report
from basrec.training import train
from tests.basrec.test_report import PASSPORT
from tests.browsing import browse

ROOT = Path(__file__).parents[2]
PAGES = ("sweep", "run", "analysis", "reproduction")
READ = """[...document.querySelectorAll("#headline tr")]
  .map((row) => [...row.cells].map((cell) => cell.textContent))"""
WIDE = """(() => {
  for (const one of document.querySelectorAll("details")) one.open = true;
  const width = document.documentElement.clientWidth, wide = [];
  for (const one of document.querySelectorAll("body *")) {
    if (one.closest("svg") && one.tagName != "svg") continue;
    const box = (one.closest(".scroll, pre") || one).getBoundingClientRect();
    if (box.right > width + 1 || box.left < -1) wide.push(one.tagName + "#" + one.id);
  }
  const scrolls = [...document.querySelectorAll(".scroll")]
    .filter((one) => one.scrollWidth > one.clientWidth + 1).length;
  return {width, wide, scrolls};
})()"""
PALE = """(() => {
  for (const one of document.querySelectorAll("details")) one.open = true;
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => colour.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, place) => sum + v * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const told = numbers(getComputedStyle(one).backgroundColor);
      if (told.length == 3 || told[3] == 1) return told;
    }
    return [255, 255, 255];
  };
  let texts = 0;
  const pale = {};
  for (const one of document.querySelectorAll("body *")) {
    if (one.closest("style, metadata")) continue;
    if (![...one.childNodes].some((node) => node.nodeType == 3 && node.data.trim())) continue;
    const style = getComputedStyle(one);
    const ink = numbers(one.closest("svg") ? style.fill : style.color);
    const pair = [light(ink), light(behind(one))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    texts += 1;
    if (ratio < 4.5) pale[`${one.tagName} ${ink}`] = ratio;
  }
  return {texts, pale, page: light(behind(document.body))};
})()"""
"""Contrast by WCAG 2, success criterion 1.4.3 (AA): 4.5 between text and what is behind it."""


def look(page: Path, tell: str, *options: str) -> Any:
    """Give what an expression is worth on the page."""
    done = browse(page, "--tell", tell, *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def pages(folder: Path, sweep: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("pages")
    config = TrainConfig.model_validate(
        {
            "method": "basrec",
            "model": {"embedding_size": 8, "max_length": 10},
            "train": {"batch_size": 16, "stage1": {"epochs": 2}, "stage2": {"epochs": 2}},
        }
    )
    train(folder, place / "basrec", config)
    published = ROOT / "configs" / "published"
    write_analysis([place / "basrec"], place / "analysis.html")
    return {
        "sweep": write_experiment_report(sweep, published, place / "sweep.html"),
        "run": write_report([place / "basrec"], place / "run.html", PASSPORT),
        "analysis": place / "analysis.html",
        "reproduction": write_experiment_report(
            ROOT / "docs" / "results" / "reproduction", published, place / "reproduction.html"
        ),
    }


def test_a_browser_opens_the_page_and_reads_a_number(pages: dict[str, Path]) -> None:
    data = json.loads(pages["sweep"].with_suffix(".json").read_text())["table"]
    (mine,) = [r for r in data if (r["variant"], r["metric"]) == ("BASRec", "NDCG@10")]
    (row,) = [row for row in look(pages["sweep"], READ) if row[1:2] == ["BASRec"]]
    assert row[2].startswith(f"{mine['mean']:.4f}") and 0 < mine["mean"] < 1


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("width", [1440, 1280, 390])
def test_nothing_is_cut_off(pages: dict[str, Path], page: str, width: int) -> None:
    told = look(pages[page], WIDE, "--width", str(width))
    assert told["width"] == width and not told["wide"]
    # On a phone wide tables scroll, each in a frame of its own.
    assert not told["scrolls"] or width == 390


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("scheme", ["--dark", "--light"])
def test_all_text_can_be_read_in_both_schemes(
    pages: dict[str, Path], page: str, scheme: str
) -> None:
    told = look(pages[page], PALE, scheme)
    assert told["texts"] > 20 and not told["pale"]
    assert told["page"] < 0.05 if scheme == "--dark" else told["page"] == 1
