"""A sweep's tables as Markdown and as LaTeX (booktabs)."""

from collections.abc import Sequence

from basrec.comparisons import Family
from basrec.experiment_tables import (
    LEGEND,
    PUBLISHED_HEAD,
    STATISTICS_HEAD,
    SUMMARY_HEAD,
    TableRow,
    published_rows,
    statistics_rows,
    summary_rows,
    table_text,
    tex,
)
from basrec.published import Beside, shown
from basrec.sweep_folder import Sweep

PUBLISHED_WORDS, STATISTICS_WORDS, SUMMARY_WORDS = 4, 5, 4
SUMMARY = "Each variant over its seeds"
"""So many first columns of the long tables are words, the others numbers."""


def to_markdown(
    sweep: Sweep, rows: Sequence[TableRow], families: Sequence[Family], beside: Sequence[Beside]
) -> str:
    """Write all tables and warnings as Markdown."""
    parts = [f"# {_escaped(sweep.title)}", _headline_markdown(sweep, rows), LEGEND]
    parts += [f"## {SUMMARY}", _markdown(SUMMARY_HEAD, summary_rows(rows), SUMMARY_WORDS)]
    for family in families:
        parts.append(f"## {family.metric}: against {_escaped(sweep.baseline)}")
        parts.append("\n".join(f"- {_escaped(warning)}" for warning in family.warnings))
        parts.append(_markdown(STATISTICS_HEAD, statistics_rows(family), STATISTICS_WORDS))
    if beside:
        parts.append(f"## Beside the published {_escaped(sweep.published or '')}")
        parts.append(_markdown(PUBLISHED_HEAD, published_rows(beside), PUBLISHED_WORDS))
    failed = [cell for cell in sweep.cells if not cell.is_done]
    if failed:
        parts.append("## Failed cells")
        parts.append("\n".join(f"- {_escaped(c.name)}: {_escaped(c.message)}" for c in failed))
    return "\n\n".join(part for part in parts if part) + "\n"


def _headline_markdown(sweep: Sweep, rows: Sequence[TableRow]) -> str:
    head = ["backbone", "variant"]
    head += [f"{shown(dataset)} {metric}" for dataset in sweep.datasets for metric in sweep.metrics]
    text = iter(table_text(rows, "**{}**".format, "<u>{}</u>".format, str))
    body = [[shown(row.backbone), row.variant, *[next(text) for _ in row.cells]] for row in rows]
    return _markdown(head, body, 2)


def _markdown(head: Sequence[str], body: Sequence[Sequence[str]], words: int) -> str:
    """Write a table; its first columns are words, to the left, and escaped."""
    rule = [":--"] * words + ["--:"] * (len(head) - words)
    rows = [[*map(_escaped, row[:words]), *row[words:]] for row in body]
    return "\n".join("| " + " | ".join(row) + " |" for row in [list(head), rule, *rows])


def _escaped(text: str) -> str:
    """Keep Markdown from reading signs of a name as its own."""
    for sign in "\\|*_<`[":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def to_latex(
    sweep: Sweep, rows: Sequence[TableRow], families: Sequence[Family], beside: Sequence[Beside]
) -> str:
    """Write all tables as LaTeX; it needs the package booktabs."""
    parts = [
        "% \\usepackage{booktabs}",
        _headline_latex(sweep, rows),
        _latex(SUMMARY_HEAD, summary_rows(rows), SUMMARY_WORDS, f"{SUMMARY}."),
        *(
            _latex(
                STATISTICS_HEAD,
                statistics_rows(family),
                STATISTICS_WORDS,
                f"{family.metric} against {sweep.baseline}.",
                family.warnings,
            )
            for family in families
        ),
    ]
    if beside:
        caption = f"Ours beside the published values ({sweep.published})."
        parts.append(_latex(PUBLISHED_HEAD, published_rows(beside), PUBLISHED_WORDS, caption))
    return "\n\n".join(parts) + "\n"


def _headline_latex(sweep: Sweep, rows: Sequence[TableRow]) -> str:
    """Write the table as the paper prints it: data sets above metrics, a rule between backbones."""
    width, count = len(sweep.metrics), len(sweep.datasets)
    ends = [(3 + n * width, 2 + (n + 1) * width) for n in range(count)]
    above = [f"\\multicolumn{{{width}}}{{c}}{{{tex(shown(name))}}}" for name in sweep.datasets]
    lines = [
        " & ".join(["", "", *above]) + r" \\",
        " ".join(f"\\cmidrule(lr){{{first}-{last}}}" for first, last in ends),
        " & ".join(["Backbone", "Method", *map(tex, sweep.metrics * count)]) + r" \\",
    ]
    text = iter(table_text(rows, r"\textbf{{{}}}".format, r"\underline{{{}}}".format, tex))
    last = None
    for row in rows:
        lines += [r"\midrule"] if row.backbone != last else []
        name = tex(shown(row.backbone)) if row.backbone != last else ""
        last = row.backbone
        cells = [next(text) for _ in row.cells]
        lines.append(" & ".join([name, tex(row.variant), *cells]) + r" \\")
    return _framed(lines, "ll" + "r" * width * count, f"{sweep.title}. {LEGEND}")


def _latex(
    head: Sequence[str],
    body: Sequence[Sequence[str]],
    words: int,
    caption: str,
    notes: Sequence[str] = (),
) -> str:
    lines = [" & ".join(map(tex, head)) + r" \\", r"\midrule"]
    lines += [" & ".join(map(tex, row)) + r" \\" for row in body]
    return _framed(lines, "l" * words + "r" * (len(head) - words), caption, notes)


def _framed(lines: Sequence[str], columns: str, caption: str, notes: Sequence[str] = ()) -> str:
    return "\n".join(
        [
            r"\begin{table*}",
            r"\centering\scriptsize\setlength{\tabcolsep}{3pt}",
            f"\\caption{{{tex(caption)}}}",
            f"\\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            *(f"\\par\\smallskip {tex(note)}" for note in notes),
            r"\end{table*}",
        ]
    )
