"""Why a dump was refused: what it looks like, where it goes wrong, and what would work."""

from pathlib import Path

from pipeline.config import DataConfig
from pipeline.formats import FORMATS
from pipeline.recognition import fitting_formats, head_of, look
from pipeline.row_files import RowFiles
from pipeline.table import is_parquet


def no_good_row(files: list[Path], config: DataConfig, rows: RowFiles) -> str:
    """Say what the dump looks like and what would work."""
    if rows.bad == 0:
        return f"{files[0]}: no line with anything on it; get the dump again"
    if is_parquet(files[0]):
        return f"{files[0]}: no row can be used ({_told(rows)}); {'; '.join(rows.examples)}"
    head = head_of(files, config.member or FORMATS[config.format].member)
    start = str(head["text"][0]).strip()[:60]
    others = [name for name in fitting_formats(head) if name != config.format]
    advice = f"try --format {' or '.join(others)}" if others else look(start)
    return (
        f"{files[0]}: not one of {rows.bad} lines is a row of {config.format} ({_told(rows)}); "
        f"it begins {start!r}; {_hint(rows, config) or advice}"
    )


def too_many(files: list[Path], config: DataConfig, rows: RowFiles) -> str:
    """Name the file with most bad rows, the commonest reasons and the first rows."""
    total = rows.good + rows.bad
    of_all = f" of all {len(files)} files" if len(files) > 1 else ""
    hint = _hint(rows, config)
    if not hint and not is_parquet(rows.worst):
        member = config.member or FORMATS[config.format].member
        start = str(head_of([rows.worst], member)["text"][0]).strip()
        hint = look(start) if start[:1] in ("<", "[") or start == "{" else ""
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
    if reason not in ("time_out_of_range", "bad_time"):
        return ""
    wrong = {
        "time_out_of_range": "times outside 1990-2099: are they in another unit?",
        "bad_time": "times of an unknown form:",
    }[reason]
    if config.table is not None and config.format == "table":
        others = "iso or another --time-unit" if reason == "bad_time" else "another --time-unit"
        now = config.table.time_format or config.table.time_unit
        return f"{wrong} they are read as {now}; give {others}, or --time-format '%d/%m/%Y'"
    return (
        f"{wrong} {config.format} has {FORMATS[config.format].times}; if the dump has others, make "
        "a CSV of it and read that with --format table and --time-unit or --time-format"
    )
