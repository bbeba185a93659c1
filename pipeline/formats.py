"""The raw layouts that can be read: a name, what it is, and the statements that know its fields.

To add one: one file in sql/formats/, one line here. The last statement turns `lines` (row, text,
problem) into (row, text, problem, user, item, rating, time, seconds), one row a raw line; those
before it are views that it reads.
"""

from typing import NamedTuple


class Format(NamedTuple):
    """A raw layout."""

    statements: tuple[str, ...]
    """Files in sql/formats/, without the ending, in the order in which they build on each other."""
    about: str
    times: str = "seconds since 1970"
    """How its times are written."""
    member: str = "*review*"
    """Which members are read where the dump comes as a tar archive."""


FORMATS: dict[str, Format] = {
    "amazon_2014": Format(
        ("json_lines", "amazon_reviews"),
        "Amazon reviews of 2014, JSON lines, strict or Python literals "
        "(reviewerID, asin, overall, unixReviewTime)",
    ),
    "amazon_2018": Format(
        ("json_lines", "amazon_reviews"), "Amazon reviews of 2018, JSON lines (the same fields)"
    ),
    "amazon_2023": Format(
        ("json_lines", "amazon_2023"),
        "Amazon reviews of 2023, JSON lines (user_id, parent_asin, rating, timestamp in ms)",
        times="milliseconds since 1970",
    ),
    "amazon_ratings_2014": Format(
        ("csv_lines", "amazon_ratings_2014"),
        "Amazon ratings of 2014, CSV without header: user,item,rating,time",
    ),
    "amazon_ratings_2018": Format(
        ("csv_lines", "amazon_ratings_2018"),
        "Amazon ratings of 2018, CSV without header: item,user,rating,time",
    ),
    "amazon_ratings_2023": Format(
        ("csv_lines", "amazon_ratings_2023"),
        "Amazon ratings of 2023, CSV with header: user,item,rating,milliseconds[,history]",
        times="milliseconds since 1970",
    ),
    "yelp": Format(
        ("json_lines", "yelp"),
        "Yelp reviews, JSON lines (user_id, business_id, stars, date), also as the published .tar",
        times="dates as 2019-01-31 12:00:00",
    ),
    "table": Format(
        ("table_lines", "table"),
        "any CSV, TSV or Parquet; name its columns with data.table (--columns)",
        member="*",
    ),
}
AUTO = "auto"
"""Asks for the layout to be recognised from the content."""
