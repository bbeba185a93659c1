"""A sweep's results as the paper prints tables: a row a variant, columns data sets by metrics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from basrec.comparisons import Comparison, Family, Judged
from basrec.published import shown
from basrec.statistics import SeedComparison, Summary, UserComparison, summarise
from basrec.sweep_folder import Group, Sweep

OVER_SEEDS, OVER_USERS = "\N{DAGGER}", "\N{DOUBLE DAGGER}"
LEGEND = (
    "Means over seeds on the test split. Best of a backbone bold, second underlined, among "
    "variants that were judged alike and have the most seeds. "
    f"{OVER_SEEDS}: differs from the baseline by the t-test over seeds, {OVER_USERS}: by the "
    "randomisation test over users; p < 0.05 after Holm's correction over all comparisons of the "
    f"metric. Two seeds carry no {OVER_SEEDS}, one carries no mark at all."
)
MOST_COLUMNS = 8
"""So many metrics stand beside each other before data sets go into a table of their own."""
DASH = "\N{EN DASH}"
Style = Callable[[str], str]


@dataclass(frozen=True)
class TableCell:
    """A metric of a variant on a data set; `gain` is the paired one, over the common seeds."""

    dataset: str
    metric: str
    told: Summary | None
    gain: float | None
    is_best: bool
    is_second: bool
    marks: str


@dataclass(frozen=True)
class TableRow:
    """A variant on a backbone."""

    backbone: str
    variant: str
    cells: list[TableCell]


def build_table(sweep: Sweep, families: Sequence[Family]) -> list[TableRow]:
    """Give the headline table, backbone by backbone."""
    told = {(one.metric, one.group): one for family in families for one in family.comparisons}
    summaries = {
        (metric, group): summarise(values) if len(values) else None
        for metric in sweep.metrics
        for group in sweep.groups
        if (values := sweep.array(group, metric)) is not None
    }
    judged = Judged(sweep)
    columns = [(dataset, metric) for dataset in sweep.datasets for metric in sweep.metrics]

    def cell(dataset: str, metric: str, backbone: str, variant: str) -> TableCell:
        group = (dataset, backbone, variant)
        mine = summaries[metric, group]
        base = sweep.base_of(variant)
        peers = [name for name in sweep.variants if sweep.base_of(name) == base]
        others = [(dataset, backbone, name) for name in peers]
        told_of = [summaries[metric, one] for one in others if not judged.why_not(group, one)]
        rivals = [one for one in told_of if one]
        most = max((one.n for one in rivals), default=0)  # one lucky seed beats no mean of five
        means = sorted({one.mean for one in rivals if one.n == most}, reverse=True)
        is_ranked = mine is not None and mine.n == most and len(means) > 1
        place = means.index(mine.mean) if mine and is_ranked else None
        compared = told.get((metric, group))
        gain = compared.over_seeds.gain if compared and compared.over_seeds else None
        marks = marks_of(compared)
        return TableCell(dataset, metric, mine, gain, place == 0, place == 1, marks)

    return [
        TableRow(backbone, variant, [cell(*column, backbone, variant) for column in columns])
        for backbone in sweep.backbones
        for variant in sweep.variants
    ]


@dataclass(frozen=True)
class Block:
    """Data sets whose metrics stand side by side, and the rows that have a value there."""

    datasets: list[str]
    rows: list[TableRow]


def blocks(sweep: Sweep, rows: Sequence[TableRow]) -> list[Block]:
    """Cut the headline table to a page's width; what has no value at all is left out."""
    there = {cell.dataset for row in rows for cell in row.cells if cell.told}
    datasets = [name for name in sweep.datasets if name in there]
    size = max(1, MOST_COLUMNS // len(sweep.metrics))
    parts = [datasets[first : first + size] for first in range(0, len(datasets), size)]
    return [Block(part, [row for one in rows if (row := _within(one, part))]) for part in parts]


def _within(row: TableRow, datasets: Sequence[str]) -> TableRow | None:
    cells = [cell for cell in row.cells if cell.dataset in datasets]
    return TableRow(row.backbone, row.variant, cells) if any(c.told for c in cells) else None


def marks_of(one: Comparison | None) -> str:
    """Give the marks of what is significant after the correction."""
    if one is None:
        return ""
    return OVER_SEEDS * one.holds_over_seeds + OVER_USERS * one.holds_over_users


def number(value: float | None, digits: int = 4, is_signed: bool = False) -> str:
    """Write a number, a dash where there is none."""
    if value is None:
        return DASH
    return f"{value:{'+' if is_signed else ''}.{digits}f}"


def percent(value: float | None) -> str:
    """Write a change in per cent, a dash where there is none."""
    return DASH if value is None else f"{value:+.1%}".replace("%", " %")


def small(value: float | None) -> str:
    """Write a p-value."""
    if value is None:
        return DASH
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def table_text(rows: Sequence[TableRow], best: Style, second: Style, plain: Style) -> list[str]:
    """Give the cells of the headline table as text, row after row, for any markup."""

    def text(cell: TableCell) -> str:
        value = plain(number(cell.told.mean if cell.told else None))
        value = best(value) if cell.is_best else second(value) if cell.is_second else value
        return value + plain(cell.marks)

    return [text(cell) for row in rows for cell in row.cells]


def interval_of(told: Summary | None) -> str:
    """Write a 95 % interval, a dash where there is none."""
    if told is None or told.low is None:
        return DASH
    return f"{number(told.low)} to {number(told.high)}"


def summary_rows(rows: Sequence[TableRow]) -> list[list[str]]:
    """Give each variant's seeds, mean, standard deviation and interval as text, a row a metric."""
    return [
        [
            shown(cell.dataset),
            shown(row.backbone),
            row.variant,
            cell.metric,
            str(cell.told.n),
            number(cell.told.mean),
            number(cell.told.sd, 5),
            interval_of(cell.told),
        ]
        for row in rows
        for cell in row.cells
        if cell.told
    ]


SUMMARY_HEAD = [
    *("data set", "backbone", "variant", "metric", "seeds", "mean", "sd", "95 % interval"),
]
SEEDS_HEAD = [
    *("data set", "backbone", "variant", "against", "holds over", "seeds", "difference"),
    *("gain", "sd", "95 % interval", "dz", "p t", "Holm", "p Wilcoxon", "Holm"),
]
USERS_HEAD = [
    *("data set", "backbone", "variant", "against", "users", "changed", "difference"),
    *("95 % interval", "dz", "p t", "Holm", "p randomised", "Holm"),
]


def seeds_rows(family: Family) -> list[list[str]]:
    """Give a family's comparisons over seeds as text, a row each."""
    return [_seeds_row(one, one.over_seeds) for one in family.comparisons if one.over_seeds]


def users_rows(family: Family) -> list[list[str]]:
    """Give a family's comparisons over users as text, a row each."""
    return [_users_row(one, one.over_users) for one in family.comparisons if one.over_users]


def _named(one: Comparison) -> list[str]:
    return [shown(one.group[0]), shown(one.group[1]), one.group[2], one.against]


def _seeds_row(one: Comparison, seeds: SeedComparison) -> list[str]:
    held = ["seeds"] * one.holds_over_seeds + ["users"] * one.holds_over_users
    told = [
        " and ".join(held) or ("neither" if one.can_hold else "not tested"),
        str(len(one.seeds)),
        number(seeds.difference, 5, True),
        percent(seeds.gain),
        number(seeds.sd, 5),
        _signed(seeds.low, seeds.high),
        number(seeds.dz, 2),
    ]
    return [*_named(one), *told, *_tests(one)[:4]]


def _users_row(one: Comparison, users: UserComparison) -> list[str]:
    told = [
        f"{users.users:,}",
        f"{users.changed:,}",
        number(users.difference, 5, True),
        _signed(users.low, users.high),
        number(users.dz, 3),
    ]
    return [*_named(one), *told, *_tests(one)[4:]]


def _signed(low: float | None, high: float | None) -> str:
    return DASH if low is None else f"{number(low, 5, True)} to {number(high, 5, True)}"


def _tests(one: Comparison) -> list[str]:
    """Give each test's p, and what Holm's rule makes of it."""
    p, holm = one.p_values, one.corrected
    return [small(value) for test in p for value in (p[test], holm.get(test))]


def group_name(group: Group) -> str:
    """Name a group on a page."""
    return ", ".join((shown(group[0]), shown(group[1]), group[2]))
