"""Tables as the paper prints them, beside its values, in Markdown and LaTeX."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from basrec.against_published import beside_published
from basrec.comparisons import compare_all
from basrec.experiment_tables import blocks, build_table, seeds_rows, small, summary_rows
from basrec.experiment_text import tex, to_latex, to_markdown
from basrec.sweep_folder import Sweep, read_sweep
from tests.basrec.conftest import write_sweep_files
from tests.basrec.test_sweep_folder import row

PDFLATEX = shutil.which("pdflatex")
PUBLISHED = Path(__file__).parents[2] / "configs" / "published"


@pytest.fixture
def told(tmp_path: Path) -> Sweep:
    rows = []
    for seed in (1, 2):
        for backbone, shift in (("sasrec", 0.0), ("fmlp", 0.01)):
            for name, value in (("Base", 0.06), ("50 % & more_", 0.08), ("worse", 0.05)):
                rows.append(row(name, seed, value + shift + seed / 1000, backbone=backbone))
    stated = {"variants": ["Base", "50 % & more_", "worse"], "metrics": ["HR@10"]}
    write_sweep_files(tmp_path, rows, backbones=["sasrec", "fmlp"], seeds=[1, 2], **stated)
    return read_sweep(tmp_path)


def test_best_and_second_are_marked_in_each_backbone(told: Sweep) -> None:
    rows = build_table(told, compare_all(told))
    marked = [(r.backbone, r.variant, r.cells[0].is_best, r.cells[0].is_second) for r in rows]
    assert marked == [
        ("sasrec", "Base", False, True),
        ("sasrec", "50 % & more_", True, False),
        ("sasrec", "worse", False, False),
        ("fmlp", "Base", False, True),
        ("fmlp", "50 % & more_", True, False),
        ("fmlp", "worse", False, False),
    ]
    first = rows[1].cells[0]
    assert first.told is not None and first.told.mean == pytest.approx(0.0815)
    assert first.gain == pytest.approx(0.0815 / 0.0615 - 1) and rows[0].cells[0].gain is None


def test_what_is_not_compared_has_no_gain_and_no_rank_beside_the_others(tmp_path: Path) -> None:
    stated: dict[str, dict[str, Any]] = {name: {"method": name} for name in ("a", "b", "c")}
    stated["c"]["settings"] = {"evaluation": {"seen": "keep"}}
    values = {"a": 0.1, "b": 0.2, "c": 0.9}
    rows = [row(name, seed, value) for name, value in values.items() for seed in (1, 2)]
    write_sweep_files(tmp_path, rows, variants=stated, metrics=["HR@10"], baseline="a")
    sweep = read_sweep(tmp_path)
    a, b, c = (one.cells[0] for one in build_table(sweep, compare_all(sweep)))
    assert b.is_best and a.is_second and b.gain == pytest.approx(1.0)
    assert not c.is_best and c.gain is None


def test_only_those_with_the_most_seeds_are_ranked(tmp_path: Path) -> None:
    rows = [row(name, seed, 0.1 + place / 10) for place, name in enumerate("ab") for seed in (1, 2)]
    rows.append(row("lucky", 1, 0.9))
    write_sweep_files(tmp_path, rows, variants=["a", "b", "lucky"], metrics=["HR@10"], baseline="a")
    sweep = read_sweep(tmp_path)
    a, b, lucky = (one.cells[0] for one in build_table(sweep, compare_all(sweep)))
    assert b.is_best and a.is_second and not lucky.is_best and not lucky.is_second
    assert lucky.gain == pytest.approx(8.0)


def test_the_gain_is_over_the_common_seeds(tmp_path: Path) -> None:
    rows = [row("Base", seed, 0.1) for seed in (1, 2)]
    rows += [row("BASRec", seed, 0.11 if seed < 3 else 0.5) for seed in (1, 2, 3, 4, 5)]
    write_sweep_files(tmp_path, rows, variants=["Base", "BASRec"], metrics=["HR@10"])
    sweep = read_sweep(tmp_path)
    families = compare_all(sweep)
    cell = build_table(sweep, families)[1].cells[0]
    assert cell.told is not None and cell.told.n == 5
    assert cell.gain == pytest.approx(0.1)
    over_seeds = families[0].comparisons[0].over_seeds
    assert over_seeds is not None and cell.gain == over_seeds.gain


@pytest.mark.parametrize(("seeds", "told"), [(2, "not tested"), (3, "neither")])
def test_what_too_few_seeds_cannot_carry_is_not_told_as_a_test(
    tmp_path: Path, seeds: int, told: str
) -> None:
    """The gain changes its sign from seed to seed, so that no test finds it."""
    rows = [row("Base", seed, 0.1) for seed in range(seeds)]
    rows += [row("BASRec", seed, 0.1 + (-1) ** seed / 50) for seed in range(seeds)]
    write_sweep_files(tmp_path, rows, variants=["Base", "BASRec"], metrics=["HR@10"])
    (family,) = compare_all(read_sweep(tmp_path))
    (line,) = seeds_rows(family)
    assert line[4] == told


def test_markdown_and_latex_say_the_same(told: Sweep) -> None:
    families = compare_all(told)
    table, beside = build_table(told, families), beside_published(told, PUBLISHED)
    text = to_markdown(told, table, families, beside)
    assert "| SASRec | 50 % & more\\_ | **0.0815**" in text and "<u>0.0615</u>" in text
    lines = to_latex(told, table, families, beside).splitlines()
    assert r"\toprule" in lines and r"\bottomrule" in lines
    (mine,) = [line for line in lines if r"\textbf{0.0815}" in line]
    assert mine.startswith(r" & 50 \% \& more\_ & \textbf{0.0815}") and mine.endswith(r"\\")
    base = [line for line in lines if line.startswith("FMLP-Rec & Base")]
    assert r"\underline{0.0715}" in base[0]
    # Headline, seeds, comparisons over seeds (there are no run folders), published.
    assert "\n".join(lines).count(r"\begin{tabular}") == len(families) + 3


def test_each_variant_has_its_mean_spread_and_interval(told: Sweep) -> None:
    families = compare_all(told)
    table = build_table(told, families)
    # sd of .061 and .062; the interval reaches 12.7062 (t of one degree) sd / sqrt(2)
    low, high = 0.0615 - 12.7062 * 0.0005, 0.0615 + 12.7062 * 0.0005
    mine = ["Beauty", "SASRec", "Base", "HR@10", "2", "0.0615", "0.00071"]
    mine.append(f"{low:.4f} to {high:.4f}")
    assert summary_rows(table)[0] == mine
    assert "| " + " | ".join(mine) + " |" in to_markdown(told, table, families, [])
    text = to_latex(told, table, families, [])
    assert " & ".join([*mine[1:3], *mine[4:]]) + r" \\" in text
    assert "seeds; data set: Beauty; metric: HR@10.}" in text  # the same in all rows


def test_every_row_of_latex_has_the_columns_that_are_declared(told: Sweep) -> None:
    families = compare_all(told)
    beside = beside_published(told, PUBLISHED)
    text = to_latex(told, build_table(told, families), families, beside)
    for part in text.split(r"\begin{tabular}{")[1:]:
        columns, body = part.split("}", 1)
        rows = [r for r in body.split(r"\end{tabular}")[0].splitlines() if r.endswith(r"\\")]
        for one in rows:
            assert one.replace(r"\&", "").count("&") == len(columns) - 1, one


def large(folder: Path) -> Sweep:
    """Give the size of table 2, four metrics each, with labels that LaTeX stumbles over."""
    names = [
        "Base",
        "a|b_c % & # ~ ^ \\ <x> {y} $z$",
        "\u00b1 \u00d7 \u2013 \u0394 \u03b1 \u00e9 \u4e2d --x [1]",
    ]
    metrics = ["NDCG@10", "HR@10", "NDCG@20", "HR@20"]
    axes = {"dataset": ["beauty", "sports", "yelp"], "backbone": ["sasrec", "gru4rec", "fmlp"]}
    rows = [
        row(name, seed, 0.0, dataset=dataset, backbone=backbone)
        | {metric: 0.05 + seed / 1000 + 0.001 * place for metric in metrics}
        for dataset in axes["dataset"]
        for backbone in axes["backbone"]
        for place, name in enumerate(names)
        for seed in (1, 2, 3)
    ]
    stated = {"datasets": [*axes["dataset"], "home"], "backbones": axes["backbone"]}
    title = "50 % of_it\n\n[sic]\x07"
    write_sweep_files(folder, rows, variants=names, metrics=metrics, title=title, **stated)
    return read_sweep(folder)


def test_a_wide_experiment_is_cut_to_pages(tmp_path: Path) -> None:
    sweep = large(tmp_path)
    families = compare_all(sweep)
    table = build_table(sweep, families)
    parts = blocks(sweep, table)
    assert [block.datasets for block in parts] == [["beauty", "sports"], ["yelp"]]  # home: nothing
    assert [len(row.cells) for block in parts for row in block.rows[:1]] == [8, 4]
    text = to_latex(sweep, table, families, [])
    assert text.isascii() and "\x07" not in text and "(U+0007)" in text
    assert r"a\textbar{}b\_c \% \& \# \textasciitilde{} \textasciicircum{} \textbackslash{}" in text
    assert (
        r"\textpm{} \texttimes{} \textendash{} $\Delta$ $\alpha$ \'{e} (U+4E2D) -{}-x {[}1]" in text
    )
    for part in text.split(r"\toprule")[1:]:
        assert part.split(r"\bottomrule")[0].count("\\\\") <= 46
    markdown = to_markdown(sweep, table, families, [])
    assert markdown.count("With 3 seeds the Wilcoxon") == 1  # not once a metric


@pytest.mark.skipif(PDFLATEX is None, reason="pdflatex is not installed")
def test_latex_compiles_with_its_preamble(tmp_path: Path) -> None:
    assert PDFLATEX is not None
    sweep = large(tmp_path)
    families = compare_all(sweep)
    text = to_latex(sweep, build_table(sweep, families), families, [])
    first = text.splitlines()[0].removeprefix("% ")
    whole = rf"\documentclass{{article}}{first}\begin{{document}}{text}\end{{document}}"
    (tmp_path / "x.tex").write_text(whole.replace(text, "\n" + text))
    command = [PDFLATEX, "-interaction=nonstopmode", "-halt-on-error", "x.tex"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
    for trouble in ("Overfull", "Float too large", "Missing character"):
        assert trouble not in done.stdout


def test_signs_are_escaped() -> None:
    assert tex("a_b & 5 % $x$ {y} ~^\\ #") == (
        r"a\_b \& 5 \% \$x\$ \{y\} \textasciitilde{}\textasciicircum{}\textbackslash{} \#"
    )
    assert (small(0.00001), small(0.04), small(None)) == ("< 0.0001", "0.0400", "–")  # noqa: RUF001
