"""Results on the terminal, as tables."""

from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from flows.config import RunConfig
from flows.folders import Folders
from flows.passports import console, count_text, format_text
from pipeline.datasets import DatasetConfig, known_datasets, load_dataset
from pipeline.files import told_as_damaged
from pipeline.manifest import Manifest

COLUMNS = ("HR@10", "HR@20", "NDCG@10", "NDCG@20", "MRR")
BARS = "▁▂▃▄▅▆▇█"


def show_manifest(manifest: Manifest) -> None:
    """Show what a stage did."""
    done = "reused" if manifest.reused else f"{manifest.seconds:.1f} s"
    counts = ", ".join(f"{name} {number:,}" for name, number in manifest.rows.items())
    read_as = ""
    if "format" in manifest.config:
        read_as = f"; read as {format_text(manifest.config['format'], manifest.config['table'])}"
    console.print(
        f"{manifest.stage}: {done}{read_as}; {counts}; {manifest.folder}",
        highlight=False,
        soft_wrap=True,
    )


def show_runs(runs: list[Path]) -> None:
    """Show the test metrics of runs, with the gain over the first."""
    from basrec.report import metrics_table

    rows = metrics_table(runs)
    table = Table(title="test split, full ranking", title_justify="left")
    table.add_column("run", no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for run, row in zip(runs, rows, strict=True):
        with told_as_damaged(run / "metrics.json"):
            values = [f"{row[name]:.4f}" if name in row else "-" for name in COLUMNS]
        table.add_row(row["run"], *values)
    if len(rows) == 2:
        first, second = rows
        table.add_row("gain", *(_gain(first.get(name), second.get(name)) for name in COLUMNS))
    console.print(table)


def show_analyses(told: list[dict[str, Any]]) -> None:
    """Show for each run and kind of sample what the augmentation made of the data."""
    table = Table(title="augmentation", title_justify="left")
    table.add_column("samples", overflow="fold", min_width=15)
    for name in ("similarity", "unchanged", "new\ntransitions", "seen", "effective\nweight"):
        table.add_column(name, justify="right", no_wrap=True)
    for facts in told:
        table.add_section()
        table.add_row(Text(facts["name"], "bold"))
        for kind in dict.fromkeys([*facts["similarity"]["final_weights"], *facts["edits"]]):
            table.add_row(kind, *_analysis_cells(facts, kind))
    console.print(table)


def _analysis_cells(facts: dict[str, Any], kind: str) -> list[str]:
    """Give the numbers of one kind of sample, a dash where it has none."""
    similarity = facts["similarity"]["over_training"].get(kind)
    weight = facts["effective_weight"].get(kind)
    cells = ["-" if similarity is None else f"{similarity:.4f}"]
    if kind in facts["edits"]:
        cells += [
            f"{facts['edits'][kind]['unchanged']:.1%}",
            f"{facts['diversity']['samples'][kind]['new']:,}",
            f"{facts['relevance'][kind]['seen']:.1%}",
        ]
    else:
        cells += ["-"] * 3
    return [*cells, "-" if weight is None else f"{weight:.4f}"]


def show_result(config: RunConfig, data: Path, with_report: bool) -> None:
    """Show a flow's runs: metrics, learning curves, and where the report is."""
    from basrec.run_folder import read_history

    folders = Folders(data, config.name)
    runs = [folders.run(config, method) for method in config.methods]
    show_runs(runs)
    for run in runs:
        curve = [line["validation"]["NDCG@10"] for line in read_history(run) if line["validation"]]
        if curve:
            console.print(
                f"{run.name}: validation NDCG@10 {curve[0]:.4f} {sparkline(curve)} {curve[-1]:.4f}",
                highlight=False,
            )
    if with_report:
        console.print(f"report: {folders.report}", highlight=False, soft_wrap=True)


def sparkline(values: list[float], width: int = 60) -> str:
    """Draw values as a line of bars, thinned out to a width."""
    step = max(1, -(-len(values) // width))
    thinned = values[::step]
    low, high = min(thinned), max(thinned)
    span = (high - low) or 1.0
    return "".join(BARS[round((value - low) / span * (len(BARS) - 1))] for value in thinned)


def show_datasets() -> None:
    """List the known datasets."""
    table = Table()
    for name in ("name", "title", "format", "users", "items", "interactions", "fetch"):
        table.add_column(name)
    for name in known_datasets():
        table.add_row(*_dataset_row(load_dataset(name)))
    console.print(table)


def show_dataset(name: str) -> None:
    """Show all that is known of one dataset."""
    import yaml

    values = load_dataset(name).model_dump(mode="json", exclude_none=True)
    console.print(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), highlight=False)


def _dataset_row(entry: DatasetConfig) -> list[str]:
    counts = entry.published.model_dump() if entry.published else {}
    fetch = f"basrec download {entry.name}" if entry.url else "by hand, see its terms"
    numbers = [count_text(counts.get(name)) for name in ("users", "items", "interactions")]
    return [
        entry.name,
        entry.title,
        entry.data["format"],
        *numbers,
        "generated" if entry.name == "sample" else fetch,
    ]


def _gain(first: float | None, second: float | None) -> str:
    return f"{(second / first - 1) * 100:+.1f} %" if first and second is not None else "-"
