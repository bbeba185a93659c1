"""A sweep's tables as Markdown, as LaTeX (booktabs), and as data."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby
from typing import Any
from unicodedata import lookup

from basrec.against_published import Beside
from basrec.comparisons import Family
from basrec.experiment_tables import (
    LEGEND,
    SEEDS_HEAD,
    SUMMARY_HEAD,
    USERS_HEAD,
    Block,
    TableRow,
    blocks,
    seeds_rows,
    summary_rows,
    table_text,
    users_rows,
)
from basrec.power import told_once
from basrec.published import shown
from basrec.published_table import PUBLISHED_HEAD, published_rows
from basrec.sweep_folder import Sweep

Part = tuple[str, list[str], list[list[str]], int]
"""A table below the headline: caption, head, rows, and how many first columns are words."""
MOST_ROWS = 44
"""So many rows of a long table go on a page of A4."""
PREAMBLE = "% \\usepackage[a4paper,margin=2cm]{geometry} \\usepackage{booktabs,graphicx,textcomp}"
TEXT_NAMES = [
    rf"\text{name}{{}}"
    for name in ("backslash", "asciitilde", "asciicircum", "less", "greater", "bar")
]
NAMED = {
    "DAGGER": "textdagger{}",
    "DOUBLE DAGGER": "textdaggerdbl{}",
    "EN DASH": "textendash{}",
    "EM DASH": "textemdash{}",
    "HORIZONTAL ELLIPSIS": "ldots{}",
    "MINUS SIGN": "textminus{}",
    "PLUS-MINUS SIGN": "textpm{}",
    "MICRO SIGN": "textmu{}",
    "MULTIPLICATION SIGN": "texttimes{}",
    "RIGHTWARDS ARROW": "textrightarrow{}",
    "LESS-THAN OR EQUAL TO": r"(\le\)",
    "GREATER-THAN OR EQUAL TO": r"(\ge\)",
    "LATIN SMALL LETTER SHARP S": "ss{}",
    "LATIN SMALL LETTER O WITH STROKE": "o{}",
}
LETTERS = "alpha beta gamma delta epsilon eta theta lambda mu pi rho sigma tau phi omega"
GREEK = {
    **{f"SMALL LETTER {name.upper()}".replace("LAMBDA", "LAMDA"): name for name in LETTERS.split()},
    **{f"CAPITAL LETTER {name}": name.title() for name in ("DELTA", "SIGMA", "THETA", "OMEGA")},
}
LATEX_SIGNS = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    **dict(zip('\\~^<>|"[', [*TEXT_NAMES, "''", "{[}"], strict=True)),
    **{lookup(name): f"\\{told}" for name, told in NAMED.items()},
    **{lookup(f"GREEK {name}"): f"$\\{told}$" for name, told in GREEK.items()},
}
ACCENTS = dict(zip("\u0300\u0301\u0302\u0303\u0308\u0327\u030c", "`'^~\"cv", strict=True))
"""Combining marks, and the accents of LaTeX that make them."""


def to_markdown(
    sweep: Sweep, rows: Sequence[TableRow], families: Sequence[Family], beside: Sequence[Beside]
) -> str:
    """Write all tables and warnings as Markdown."""
    parts = [f"# {_escaped(sweep.title)}"]
    parts += [_headline_markdown(sweep, block) for block in blocks(sweep, rows)] + [LEGEND]
    parts += [f"- {_escaped(warning)}" for warning in _warnings(families)]
    for caption, head, body, words in _tables(sweep, rows, families, beside):
        parts += [f"## {_escaped(caption)}", _markdown(head, body, words)]
    failed = [cell for cell in sweep.cells if not cell.is_done]
    if failed:
        parts.append("## Failed cells")
        parts.append("\n".join(f"- {_escaped(c.name)}: {_escaped(c.message)}" for c in failed))
    return "\n\n".join(part for part in parts if part) + "\n"


def _warnings(families: Sequence[Family]) -> list[str]:
    """Give each warning once; one that not all metrics have says which it is of."""
    common, own = told_once([family.warnings for family in families])
    return common + [
        f"{family.metric}: {told}"
        for family, alone in zip(families, own, strict=True)
        for told in alone
    ]


def _tables(
    sweep: Sweep, rows: Sequence[TableRow], families: Sequence[Family], beside: Sequence[Beside]
) -> list[Part]:
    """Give the tables below the headline that have rows."""
    parts = [("Each variant over its seeds", SUMMARY_HEAD, summary_rows(rows), 4)]
    for family in families:
        against = f"{family.metric} against {sweep.baseline}"
        parts.append((f"{against}, over seeds", SEEDS_HEAD, seeds_rows(family), 5))
        parts.append((f"{against}, over users", USERS_HEAD, users_rows(family), 4))
    caption = f"Ours beside the published values ({sweep.published})"
    parts.append((caption, PUBLISHED_HEAD, published_rows(beside), 4))
    return [part for part in parts if part[2]]


def _headline_markdown(sweep: Sweep, block: Block) -> str:
    head = ["backbone", "variant"]
    head += [f"{shown(name)} {metric}" for name in block.datasets for metric in sweep.metrics]
    text = iter(table_text(block.rows, "**{}**".format, "<u>{}</u>".format, str))
    body = [
        [shown(row.backbone), row.variant, *[next(text) for _ in row.cells]] for row in block.rows
    ]
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
    """Write all tables as LaTeX, none larger than a page; the first line is its preamble."""
    parts = [PREAMBLE, *(_headline_latex(sweep, block) for block in blocks(sweep, rows))]
    if warnings := _warnings(families):
        items = [rf"\item {tex(told)}" for told in warnings]
        parts.append("\n".join([r"\begin{itemize}", *items, r"\end{itemize}"]))
    for caption, head, body, words in _tables(sweep, rows, families, beside):
        for number, page in enumerate(_pages(body)):
            parts.append(_latex(head, page, words, caption + ", continued" * (number > 0)))
    return "\n\n".join(parts) + "\n"


def _pages(body: Sequence[list[str]]) -> list[list[list[str]]]:
    """Cut rows to pages, between data sets (the first column) where that goes."""
    pages: list[list[list[str]]] = [[]]
    for _, told in groupby(body, key=lambda row: row[0]):
        rows = list(told)
        for part in (rows[at : at + MOST_ROWS] for at in range(0, len(rows), MOST_ROWS)):
            if len(pages[-1]) + len(part) > MOST_ROWS:
                pages.append([])
            pages[-1] += part
    return pages


def _headline_latex(sweep: Sweep, block: Block) -> str:
    """Write the table as the paper prints it: data sets above metrics, a rule between backbones."""
    width, count = len(sweep.metrics), len(block.datasets)
    ends = [(3 + n * width, 2 + (n + 1) * width) for n in range(count)]
    above = [f"\\multicolumn{{{width}}}{{c}}{{{tex(shown(name))}}}" for name in block.datasets]
    lines = [
        " & ".join(["", "", *above]) + r" \\",
        " ".join(f"\\cmidrule(lr){{{first}-{last}}}" for first, last in ends),
        " & ".join(["Backbone", "Method", *map(tex, sweep.metrics * count)]) + r" \\",
    ]
    text = iter(table_text(block.rows, r"\textbf{{{}}}".format, r"\underline{{{}}}".format, tex))
    last = None
    for row in block.rows:
        lines += [r"\midrule"] if row.backbone != last else []
        name = tex(shown(row.backbone)) if row.backbone != last else ""
        last = row.backbone
        cells = [next(text) for _ in row.cells]
        lines.append(" & ".join([name, tex(row.variant), *cells]) + r" \\")
    return _framed(lines, "ll" + "r" * width * count, f"{sweep.title}. {LEGEND}")


def _latex(head: Sequence[str], body: Sequence[Sequence[str]], words: int, caption: str) -> str:
    """Write a table; a word that is the same in all its rows goes into the caption."""
    same = [n for n in range(words) if len(body) > 1 and len({row[n] for row in body}) == 1]
    caption += "".join(f"; {head[n]}: {body[0][n]}" for n in same)
    kept = [n for n in range(len(head)) if n not in same]
    lines = [" & ".join(tex(head[n]) for n in kept) + r" \\", r"\midrule"]
    for row in body:
        cells = [tex(row[n]) if n < words else _number(row[n]) for n in kept]
        lines.append(" & ".join(cells) + r" \\")
    return _framed(lines, "l" * (words - len(same)) + "r" * (len(head) - words), f"{caption}.")


def _number(text: str) -> str:
    """Escape a number, with the minus sign that mathematics has."""
    return re.sub(r"(?<!\w)-(?=\d)", "$-$", tex(text))


def _framed(lines: Sequence[str], columns: str, caption: str) -> str:
    return "\n".join(
        [
            r"\begin{table*}[tbp]",
            r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
            f"\\caption{{{tex(caption)}}}",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            f"\\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table*}",
        ]
    )


def tex(text: str) -> str:
    """Escape text for LaTeX, in ASCII: a sign that it has no name for stands as its code point."""
    plain = "".join(map(_tex_sign, " ".join(unicodedata.normalize("NFC", text).split())))
    return re.sub("-(?=-)", "-{}", plain)  # or two would become a dash


def _tex_sign(sign: str) -> str:
    if sign in LATEX_SIGNS or (sign.isascii() and sign.isprintable()):
        return LATEX_SIGNS.get(sign, sign)
    base, marks = (parts := unicodedata.normalize("NFD", sign))[0], parts[1:]
    if base.isascii() and marks in ACCENTS:
        return f"\\{ACCENTS[marks]}{{{base}}}"
    return f"(U+{ord(sign):04X})"


def as_data(
    sweep: Sweep, rows: Sequence[TableRow], families: Sequence[Family], beside: Sequence[Beside]
) -> dict[str, Any]:
    """Give all tables as what JSON can hold."""
    table = [
        {"backbone": row.backbone, "variant": row.variant, "dataset": cell.dataset}
        | {"metric": cell.metric, "gain": cell.gain, **(cell.told.__dict__ if cell.told else {})}
        | {"is_best": cell.is_best, "is_second": cell.is_second, "marks": cell.marks}
        for row in rows
        for cell in row.cells
    ]
    return {
        "experiment": sweep.name,
        "baseline": sweep.baseline,
        "table": table,
        "statistics": {f.metric: [one.as_data() for one in f.comparisons] for f in families},
        "warnings": {family.metric: family.warnings for family in families},
        "published": [one.as_data() for one in beside],
    }
