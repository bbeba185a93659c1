"""Why a dump was refused: what it looks like, where it goes wrong, and what would work."""

from pathlib import Path
from typing import get_args

from pipeline.config import DataConfig, TimeUnit
from pipeline.formats import FORMATS
from pipeline.recognition import fitting_formats, head_of, look, look_of_another
from pipeline.row_files import RowFiles
from pipeline.table import is_parquet


def no_good_row(file: Path, config: DataConfig, rows: RowFiles) -> str:
    """Say of a file of which not one row is good what it looks like and what would work."""
    bad = rows.bad_in(file)
    if bad == 0:
        return f"{file}: no line with anything on it; get the dump again"
    if is_parquet(file):
        told = f"{'; '.join(rows.examples)}; {_hint(rows, config)}".rstrip("; ")
        return f"{file}: not one of {bad:,} rows can be used ({_told(rows)}); {told}"
    head = head_of([file], config.member or FORMATS[config.format].member)
    start = str(head["text"][0]).strip()
    others = [name for name in fitting_formats(head) if name != config.format]
    advice = f"try --format {' or '.join(others)}" if others else look(start)
    return (
        f"{file}: not one of {bad:,} lines is a row of {config.format} ({_told(rows)}); "
        f"it begins {start[:60]!r}; {_hint(rows, config) or advice}"
    )


def too_many(config: DataConfig, rows: RowFiles) -> str:
    """Name the file with most bad rows, the commonest reasons and the first rows."""
    total = rows.good + rows.bad
    num_files = len(rows.lines.files)
    of_all = f" of all {num_files} files" if num_files > 1 else ""
    hint = _hint(rows, config)
    if not hint and not is_parquet(rows.worst):
        member = config.member or FORMATS[config.format].member
        hint = look_of_another([rows.worst], member)
    return (
        f"{rows.worst}: {rows.bad:,} of {total:,} rows{of_all} ({rows.bad / total:.1%}) cannot be "
        f"used, over the limit of {config.max_rejects:.1%} ({_told(rows)}); "
        f"{'; '.join(rows.examples)}; {hint or 'look at them'}, or raise data.max_rejects "
        "(--max-rejects)"
    )


def _told(rows: RowFiles) -> str:
    return ", ".join(f"{reason} {number}" for reason, number in rows.reasons.most_common())


def _hint(rows: RowFiles, config: DataConfig) -> str:
    """Say what the commonest reason may come from."""
    reason = rows.reasons.most_common(1)[0][0] if rows.reasons else ""
    if reason in ("bad_time", "time_out_of_range"):
        return _time_hint(reason, config)
    return {
        "not_utf8": "it is no UTF-8: convert it (iconv -f LATIN1 -t UTF-8)",
        "bad_rating": "ratings that are no numbers: is the column right, has it decimal commas?",
        "too_many_fields": "rows with more columns than the first line: is the delimiter right "
        "(--delimiter), are there stray quotes (--no-quotes)?",
        "truncated": "rows with fewer columns than the first line: is the delimiter right "
        "(--delimiter)?"
        if config.format == "table"
        else "",
    }.get(reason, "")


def _time_hint(reason: str, config: DataConfig) -> str:
    wrong = {
        "time_out_of_range": "times outside 1990-2099: are they in another unit?",
        "bad_time": "times of an unknown form:",
    }[reason]
    if config.table is not None and config.format == "table":
        now = config.table.time_format or config.table.time_unit
        others = ", ".join(unit for unit in get_args(TimeUnit) if unit != now)
        return (
            f"{wrong} they are read as {now}; give another --time-unit ({others}), or their "
            "--time-format, such as '%d/%m/%Y'"
        )
    return (
        f"{wrong} {config.format} has {FORMATS[config.format].times}; if the dump has others, make "
        "a CSV of it and read that with --format table and --time-unit or --time-format"
    )
