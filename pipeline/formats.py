"""The raw layouts that can be read: a name, what it is, and the statement that knows its fields.

To add one: one file in sql/formats/, one line here. The statement turns `lines` (row, text,
is_utf8) into (row, text, problem, user, item, rating, time, seconds), one row a raw line.
"""

from typing import NamedTuple


class Format(NamedTuple):
    """A raw layout."""

    statement: str
    """Its file in sql/, without the ending."""
    about: str


FORMATS: dict[str, Format] = {
    "amazon_2014": Format(
        "formats/amazon_reviews",
        "Amazon reviews of 2014, strict JSON lines (reviewerID, asin, overall, unixReviewTime)",
    ),
    "amazon_2018": Format(
        "formats/amazon_reviews", "Amazon reviews of 2018, JSON lines (the same fields)"
    ),
    "amazon_ratings_2014": Format(
        "formats/amazon_ratings_2014",
        "Amazon ratings of 2014, CSV without header: user,item,rating,time",
    ),
    "amazon_ratings_2018": Format(
        "formats/amazon_ratings_2018",
        "Amazon ratings of 2018, CSV without header: item,user,rating,time",
    ),
    "yelp": Format("formats/yelp", "Yelp reviews, JSON lines (user_id, business_id, stars, date)"),
}
