"""Quotes in tables, against Python's own csv where that is sure, and by hand where it is not."""

import csv
import io
import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline import lines as lines_module
from pipeline import quotes as module
from pipeline.config import DataConfig
from pipeline.errors import InputError
from pipeline.interactions import ingest
from pipeline.quotes import record_ends

TIME = 1_400_000_000
TABLE = {"user": 1, "item": 2, "time": 3}


def read(text: str, folder: Path, **table: object) -> tuple[list[tuple[str, str]], list[str]]:
    """Ingest a table; give users and items of the good rows, and the reasons of the others."""
    raw = folder / "raw"
    raw.write_text(text, newline="")
    config = DataConfig.model_validate(
        {"format": "table", "table": TABLE | table, "max_rejects": 1.0}
    )
    ingest([raw], folder / "in", config)
    good = pl.read_parquet(folder / "in" / "interactions.parquet")
    bad = pl.read_parquet(folder / "in" / "rejects.parquet")
    return good.select("user", "item").rows(), bad["reason"].to_list()


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("block_bytes", [97, 8 << 20])
def test_what_csv_writes_is_read_back(
    delimiter: str, block_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.streams.BLOCK_BYTES", block_bytes)
    draw = random.Random(block_bytes)
    parts = ['"', '""', delimiter, "\n", "\r\n", "a", "b c", "é", "'", "\x1f"]
    cells = ["x" + "".join(draw.choices(parts, k=draw.randrange(6))) for _ in range(600)]
    rows = [(cells[n], cells[n + 1]) for n in range(0, 600, 2)]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    for user, item in rows:
        writer.writerow([user, item, TIME, "more"])
    good, bad = read(out.getvalue(), tmp_path, delimiter=delimiter)
    assert bad == []
    assert good == rows


def test_a_quote_within_a_field_is_a_character(tmp_path: Path) -> None:
    text = f'u1,5" nail,{TIME}\nu2,plain,{TIME}\nu3,12" and 7",{TIME}\nu4,"a, b",{TIME}\n'
    text += f'u5,"12" vinyl,{TIME}\nu6,"so" called,{TIME}\n"u7",x"y"z,{TIME}\n'
    good, bad = read(text, tmp_path)
    assert bad == []
    assert good == [
        ("u1", '5" nail'),
        ("u2", "plain"),
        ("u3", '12" and 7"'),
        ("u4", "a, b"),
        ("u5", '"12" vinyl'),
        ("u6", '"so" called'),
        ("u7", 'x"y"z'),
    ]


def test_a_stray_quote_swallows_no_line(tmp_path: Path) -> None:
    """A quote that opens and is followed by another one that opens is none."""
    rows = [f"u{n},i{n},{TIME}" for n in range(2000)]
    rows[50] = f'u50,"never closed,{TIME}'
    rows[950] = f'u950,"well closed",{TIME}'
    good, bad = read("\n".join(rows) + "\n", tmp_path)
    assert len(good) == 2000 and bad == []
    assert good[50][1] == '"never closed' and good[950][1] == "well closed"


def test_a_quote_that_is_never_closed_stops_the_run(tmp_path: Path) -> None:
    rows = [f"u{n},i{n},{TIME}" for n in range(100)]
    rows[50] = f'u50,"never closed,{TIME}'
    with pytest.raises(InputError, match=r"begins 'u50,\"never closed.*--no-quotes"):
        read("\n".join(rows) + "\n", tmp_path)
    good, _ = read("\n".join(rows) + "\n", tmp_path, quotes=False)
    assert len(good) == 100


def test_both_ways_to_find_the_ends_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where quotes open and close by turns, counting them and looking for fields are the same."""
    draw = random.Random(5)
    fields = ["a", '"b"', '"c,d"', '"e\nf"', '"g""h"', '""', '"""i"', ""]
    for _ in range(200):
        block = "".join(
            ",".join(draw.choices(fields, k=3)) + draw.choice(["\n", "\r\n"]) for _ in range(9)
        ).encode()
        assert module._all_open_or_close(
            np.frombuffer(block, np.uint8),
            np.flatnonzero(np.frombuffer(block, np.uint8) == module.QUOTE),
            ord(","),
        )
        counted = record_ends(block, ",").tolist()
        with monkeypatch.context() as patch:
            patch.setattr(module, "_all_open_or_close", lambda *_: False)
            assert record_ends(block, ",").tolist() == counted


def test_long_lines_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "LONGEST_LINE", 1000)
    monkeypatch.setattr("pipeline.streams.BLOCK_BYTES", 500)
    text = 'u,"' + "x\n" * 2000 + f'",{TIME}\n'
    with pytest.raises(InputError, match=r"a line of over .*--no-quotes"):
        read(text, tmp_path, delimiter=",")
