"""The page of an analysis, and the section in the ordinary report."""

import json
import shutil
from pathlib import Path

import pytest

from basrec.analysis_figures import similarity_curves
from basrec.analysis_page import percent, write_analysis
from basrec.config import TrainConfig
from basrec.errors import InputError
from basrec.report import write_report
from basrec.run_folder import read_history
from basrec.training import train
from tests.basrec.pages import Tags


@pytest.fixture(scope="module")
def runs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("runs")
    for name, method, preset in (
        ("base", "base", "paper"),
        ("paper", "basrec", "paper"),
        ("strict", "basrec", "strict"),
    ):
        config = TrainConfig.model_validate(
            {
                "method": method,
                "preset": preset,
                "model": {"embedding_size": 8, "max_length": 10},
                "train": {"batch_size": 16, "stage1": {"epochs": 1}, "stage2": {"epochs": 2}},
                "augmentation": {"weight": "log" if preset == "strict" else "sequence"},
                "device": "cpu",
            }
        )
        train(folder, place / name, config)
    return [place / "base", place / "paper", place / "strict"]


def test_the_page_is_self_contained_and_shows_the_numbers(runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "deep" / "analysis.html"
    told = write_analysis([runs[1], runs[2], runs[1]], out)
    assert [facts["name"] for facts in told] == ["paper", "strict"]
    assert json.loads(out.with_suffix(".json").read_text()) == told
    page, tags = out.read_text(), Tags()
    tags.feed(page)
    assert tags.tags.count("svg") == 1 + 2 + 2
    assert not {"script", "link", "img", "iframe"} & set(tags.tags)
    assert not any(target.startswith(("http", "/", "file")) for target in tags.targets)
    assert "url(http" not in page
    assert tags.tags.count("table") == page.count('<div class="scroll"><table') == 6
    for facts in told:
        similarity = facts["similarity"]["over_training"]["cross_sequence"]
        assert f"<td>{similarity:.4f}</td>" in page
        assert f"<td>{facts['edits']['reorder']['unchanged']:.1%}</td>" in page
        assert f"<td>{facts['diversity']['samples']['substitute']['new']:,}</td>" in page
        assert f"<td>{facts['weights']['reference']['effective']:.4f}</td>" in page
    assert page.count("(the run's)") == 2
    assert [facts["effective_weight"]["single_sequence"] for facts in told] == [
        told[0]["weights"]["paper"]["effective"],
        told[1]["weights"]["strict"]["effective"],
    ]


def test_odd_names_are_shown_as_they_are(runs: list[Path], tmp_path: Path) -> None:
    odd = shutil.copytree(runs[1], tmp_path / "_$\\frac$<b>&")
    write_analysis([odd, runs[2]], tmp_path / "analysis.html")
    page = (tmp_path / "analysis.html").read_text()
    assert "<b>" not in page and "_$\\frac$&lt;b&gt;&amp;" in page


def test_the_same_runs_give_the_same_page(runs: list[Path], tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_analysis(runs[1:], tmp_path / f"{name}.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_wrong_calls_write_nothing(runs: list[Path], tmp_path: Path) -> None:
    for wrong, out, told in (
        ([], "a.html", "no runs to analyse"),
        (runs, "a.html", "base augments nothing"),
        (runs[1:], "a.json", r"name a \.html file"),
    ):
        with pytest.raises(InputError, match=told):
            write_analysis(wrong, tmp_path / out)
    assert list(tmp_path.iterdir()) == []


def test_the_report_shows_similarity_where_there_is_some(runs: list[Path], tmp_path: Path) -> None:
    page = write_report(runs, tmp_path / "report.html").read_text()
    section = page[page.index("<h2>Augmentation</h2>") : page.index("<h2>Where the configs")]
    values = [line["similarity"]["single_sequence"] for line in read_history(runs[1])[1:]]
    assert f"<td>{sum(values) / 2:.4f}</td><td>{values[-1]:.4f}</td>" in section
    assert section.count("<tr><td>paper</td>") == 3  # two kinds of samples and their mean
    assert "<td>base</td>" not in section and "<svg" in section
    page = write_report(runs[:1], tmp_path / "report.html").read_text()
    assert "<h2>Augmentation</h2>" not in page


def test_a_curve_without_lines_and_a_share_of_nothing_are_drawn() -> None:
    assert similarity_curves({"old": [{"epoch": 1}]}).startswith("<svg")
    assert (percent(None), percent(0.5)) == ("\N{EN DASH}", "50.0%")
