"""The values that a paper prints, and its names for what we call otherwise.

A table is a CSV with a value a row (backbone, method, dataset, metric, value), or with a column a
data set and no metric, which are similarities.
"""

import csv
from pathlib import Path

from basrec.errors import InputError

SIMILARITY = "similarity"
KINDS = {"BASRec-I": "single_sequence", "BASRec-O": "cross_sequence"}
"""Table 6 tells BASRec's kinds of samples apart, which are mixed at the encoder's input and its
output; this is how we read the two letters, which its caption leaves open."""
AS_PUBLISHED = {
    "sports": "Sports_and_Outdoors",
    "fmlp": "FMLP-Rec",
    "random": "Ran",
    "random_seq": "Ran-S",
    "sliding_window": "SW",
}
"""What the paper calls otherwise than we do; elsewhere case and signs alone may differ."""
SHOWN = {
    "gru4rec": "GRU4Rec",
    "nextitnet": "NextItNet",
    "sasrec": "SASRec",
    "fmlp": "FMLP-Rec",
    "beauty": "Beauty",
    "sports": "Sports",
    "yelp": "Yelp",
    "home": "Home",
    "sample": "Sample",
}
"""How tables print what has a name of its own."""
Values = dict[tuple[str, str, str, str], float]
"""By backbone ('' where none is told), method, dataset and metric, all plain."""


def shown(name: str) -> str:
    """Give a data set's or a backbone's name as tables print it."""
    return SHOWN.get(name, name)


def plain(name: str) -> str:
    """Leave letters and digits of a name, in lower case."""
    return "".join(sign for sign in name.lower() if sign.isalnum())


def similarity_of(kind: str) -> str:
    """Name the similarity of one kind of augmented samples."""
    return f"{SIMILARITY} ({kind.replace('_', ' ')})"


def read_table(path: Path) -> Values:
    """Read a published table.

    Errors: InputError where it is missing or is not one.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        return {key: float(value) for row in rows for key, value in _entries(row)}
    except (OSError, KeyError, TypeError, ValueError) as exc:
        raise InputError(f"{path}: not a published table ({exc}); name table2 to table6") from exc


def _entries(row: dict[str, str]) -> list[tuple[tuple[str, str, str, str], str]]:
    if "value" in row:
        named = [plain(row[name]) for name in ("backbone", "method", "dataset")]
        return [((named[0], named[1], named[2], row["metric"]), row["value"])]
    method = plain(row["method"])
    metric = SIMILARITY
    if row["method"] in KINDS:
        method, metric = plain("BASRec"), similarity_of(KINDS[row["method"]])
    columns = [(name, value) for name, value in row.items() if name != "method"]
    return [(("", method, plain(name), metric), value) for name, value in columns]
