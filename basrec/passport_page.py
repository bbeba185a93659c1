"""The dataset passport as one self-contained HTML page, alone or two side by side."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from jinja2 import Environment, PackageLoader, UndefinedError
from markupsafe import Markup

from basrec.errors import InputError
from basrec.figures import passport_plots
from basrec.files import machine_errors, read_json, write_whole
from basrec.presets import flatten

Entry = dict[str, Any]
PAGE = "passport.html"
NEEDED = {"steps", "iterations", "split", "distributions", "protocol", "digest", "published"}
NOT_COMPARED = (
    *("distributions", "steps", "iterations", "raw_files", "digest_of", "tried", "departs"),
)
"""Long parts whose differences the rest tells in short."""


def read_passport(prepared: Path) -> Entry:
    """Read the passport of a prepared folder.

    Errors: InputError where there is none.
    """
    path = prepared / "passport.json"
    if not path.is_file():
        raise InputError(f"{path}: no such file; make the folder with 'basrec prepare'")
    passport: Entry = read_json(path)
    if not isinstance(passport, dict) or not passport.keys() >= NEEDED:
        raise InputError(f"{path}: damaged, or of an earlier version; prepare the folder again")
    return passport


@contextmanager
def told_if_damaged(*folders: Path) -> Iterator[None]:
    """Turn what a passport lacks into an InputError that says so."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, UndefinedError) as exc:
        named = " or ".join(str(folder / "passport.json") for folder in folders)
        raise InputError(
            f"{named}: damaged, or of an earlier version ({exc}); prepare the folder again"
        ) from exc


def write_passport(prepared: Path, out: Path | None = None) -> Path:
    """Write the page of a prepared folder, by default into it."""
    return _write(out or prepared / PAGE, render_passport(prepared, prepared.resolve().name))


def render_passport(prepared: Path, name: str) -> str:
    """Give the page of a prepared folder."""
    return _render(f"{name}: dataset passport", [prepared])


def write_comparison(first: Path, second: Path, out: Path) -> Path:
    """Write the page that lists where two prepared folders differ, and shows both."""
    title = f"{first.resolve().name} and {second.resolve().name}: dataset passports"
    differences = compare_folders(first, second)
    return _write(out, _render(title, [first, second], differences=differences))


def compare_folders(first: Path, second: Path) -> list[Entry]:
    """List in what two prepared folders differ, the way their neighbours were found included."""
    return compare_passports(*(_with_neighbours(folder) for folder in (first, second)))


def _with_neighbours(folder: Path) -> Entry:
    record = read_json(folder / "manifest.json") if (folder / "manifest.json").is_file() else {}
    with told_if_damaged(folder):
        return read_passport(folder) | {
            "neighbours": record.get("stages", {}).get("neighbours", {}).get("config", {})
        }


def compare_passports(first: Entry, second: Entry) -> list[Entry]:
    """List the facts and rules in which two passports differ: key, first, second."""
    one, two = _compared(first), _compared(second)
    return [
        {"key": key, "first": one.get(key), "second": two.get(key)}
        for key in dict.fromkeys([*one, *two])
        if one.get(key) != two.get(key)
    ]


def _render(title: str, folders: list[Path], **more: Any) -> str:
    templates = Environment(loader=PackageLoader("basrec"), autoescape=True, trim_blocks=True)
    passports = [(read_passport(folder), folder) for folder in folders]
    with told_if_damaged(*folders):
        return templates.get_template("passport.html.j2").render(
            title=title,
            names=[str(folder) for folder in folders],
            passports=[
                (told, [Markup(plot) for plot in passport_plots(told)], _popular(told, folder))
                for told, folder in passports
            ],
            **more,
        )


def _write(out: Path, page: str) -> Path:
    with machine_errors(f"{out}: writing the passport"):
        write_whole(out, lambda beside: beside.write_text(page, encoding="utf-8"))
    return out


def _popular(passport: Entry, folder: Path) -> list[Entry]:
    """Give the most popular items by their titles where the folder knows them."""
    details = folder / "item_details.parquet"
    rows = (
        pq.read_table(details, columns=["item_id", "title"]).to_pylist() if details.exists() else []
    )
    titles = {row["item_id"]: row["title"] for row in rows}
    return [
        entry | {"name": f"{titles[entry['item_id']]} ({entry['item']})"}
        if titles.get(entry["item_id"])
        else entry | {"name": entry["item"]}
        for entry in passport.get("distributions", {}).get("top_items", [])
    ]


def _compared(passport: Entry) -> Entry:
    """Give a passport's facts by dotted keys, without the long parts."""
    flat = flatten(passport)
    return {k: v for k, v in flat.items() if not {*k.split(".")} & {*NOT_COMPARED}}
