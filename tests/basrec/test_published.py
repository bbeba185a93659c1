"""The published tables, as they are read."""

from pathlib import Path

import pytest

from basrec.errors import InputError
from basrec.published import SIMILARITY, read_table

PUBLISHED = Path(__file__).parents[2] / "configs" / "published"


def test_the_published_tables_are_whole() -> None:
    counts = {2: 128, 3: 112, 4: 40, 5: 56, 6: 30}
    for number, count in counts.items():
        assert len(read_table(PUBLISHED / f"table{number}.csv")) == count
    table = read_table(PUBLISHED / "table2.csv")
    assert table["sasrec", "basrec", "beauty", "NDCG@10"] == 0.0455
    assert read_table(PUBLISHED / "table6.csv")["", "basrec", "yelp", SIMILARITY] == 0.8790
    with pytest.raises(InputError, match="name table2"):
        read_table(PUBLISHED / "table7.csv")
