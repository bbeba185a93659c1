"""The analysis of runs' augmentations as one self-contained HTML page, and as JSON beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from basrec.analysis import analyse
from basrec.analysis_figures import similarity_curves, transition_bars, weight_histogram
from basrec.errors import InputError
from basrec.files import machine_errors, write_json, write_whole
from basrec.report import run_names
from basrec.run_folder import read_history

Facts = dict[str, Any]


def write_analysis(runs: Sequence[Path], out: Path, prepared: Path | None = None) -> list[Facts]:
    """Analyse runs, write the page and its numbers beside it as .json, and give the numbers.

    Errors: InputError where a run augments nothing or is not whole, or `out` is a .json file.
    """
    if not runs:
        raise InputError("no runs to analyse; name at least one run folder")
    if out.suffix == ".json":
        raise InputError(f"{out}: the page is HTML, its numbers come beside it; name a .html file")
    runs = list(dict.fromkeys(runs))
    told = [
        {"name": name, **analyse(run, prepared)}
        for name, run in zip(run_names(runs), runs, strict=True)
    ]
    histories = {facts["name"]: read_history(Path(facts["run"])) for facts in told}
    page = render_analysis(told, histories)
    with machine_errors(f"{out}: writing the analysis"):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_json(out.with_suffix(".json"), told)
        write_whole(out, lambda beside: beside.write_text(page, encoding="utf-8"))
    return told


def render_analysis(told: list[Facts], histories: dict[str, list[Facts]]) -> str:
    """Give the page of some runs' analyses."""
    templates = Environment(loader=PackageLoader("basrec"), autoescape=True, trim_blocks=True)
    templates.filters |= {"words": lambda name: name.replace("_", " "), "percent": percent}
    return templates.get_template("analysis.html.j2").render(
        title=f"basrec: augmentation of {', '.join(facts['name'] for facts in told)}",
        runs=told,
        similarity=Markup(similarity_curves(histories)),  # our own, safe
        bars=[
            (facts["name"], Markup(transition_bars(facts["diversity"])))
            for facts in told
            if facts["diversity"]["samples"]
        ],
        histograms=[
            (facts["name"], Markup(weight_histogram(facts["weights"])))
            for facts in told
            if facts["weights"]
        ],
    )


def percent(value: float | None) -> str:
    """Write a share in per cent, a dash where there is none."""
    return "\N{EN DASH}" if value is None else f"{value:.1%}"
