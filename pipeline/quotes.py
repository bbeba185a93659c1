"""Double quotes in text tables: where a record ends, and how a line is cut into its fields.

A quote opens only where a field begins, and closes only where the field ends; within, a doubled
quote stands for one. Any other quote is a character like any other: 12" or "so" called.
"""

import re

import numpy as np

NEWLINE, RETURN, QUOTE = 10, 13, 34


def record_ends(block: bytes, delimiter: str) -> np.ndarray:
    """Give the places after each line end that is not within quotes.

    The block begins with a record. A field that is not closed reaches to the end of the block.
    """
    data = np.frombuffer(block, dtype=np.uint8)
    ends = np.flatnonzero(data == NEWLINE)
    quotes = np.flatnonzero(data == QUOTE)
    if len(quotes) == 0:
        return ends + 1
    if _all_open_or_close(data, quotes, ord(delimiter)):  # then every second one closes
        return ends[np.searchsorted(quotes, ends) % 2 == 0] + 1
    is_end = np.ones(len(ends), dtype=bool)
    for found in _quoted_field(delimiter).finditer(block):
        first, stop = np.searchsorted(ends, found.span())
        is_end[first:stop] = False
    return ends[is_end] + 1


def field_pattern(delimiter: str) -> str:
    """Give the expression that finds one field after the other in a line and one more delimiter."""
    mark = re.escape(delimiter)
    return rf'("(?:[^"]|"")*"|[^{mark}]*){mark}'


def _all_open_or_close(data: np.ndarray, quotes: np.ndarray, delimiter: int) -> bool:
    """Tell whether each quote by turns opens a field and closes it, or is one of two in a row."""
    opening, closing = quotes[::2], quotes[1::2]
    before = np.where(opening > 0, data[opening - 1], NEWLINE)
    is_opening = (before == delimiter) | (before == NEWLINE) | (before == QUOTE)
    after = np.where(closing + 1 < len(data), data[(closing + 1) % len(data)], NEWLINE)
    is_closing = np.isin(after, (delimiter, NEWLINE, RETURN, QUOTE))
    # A quote before an opening one is the first of two only if it seemed to close.
    return bool(is_opening.all() and is_closing.all())


def _quoted_field(delimiter: str) -> re.Pattern[bytes]:
    mark = re.escape(delimiter.encode())
    return re.compile(
        rb'(?:(?<=[\n%b])|\A)"[^"]*+(?:""[^"]*+)*+(?:"(?=[\r\n%b]|\Z)|\Z)' % (mark, mark)
    )
