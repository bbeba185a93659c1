"""The raw layouts that can be read: a name, what it is, and the statement that knows its fields.

To add one: one file in sql/formats/, one line here. The statement turns `lines` (row, text,
is_utf8) into (row, text, problem, user, item, rating, time, seconds), one row a raw line.
"""

FORMATS: dict[str, str] = {
    "amazon_2014": "Amazon reviews of 2014, strict JSON lines (reviewerID, asin, unixReviewTime)",
    "amazon_2018": "Amazon reviews of 2018, JSON lines (the same fields, in another order)",
    "amazon_ratings_2014": "Amazon ratings of 2014, CSV without header: user,item,rating,time",
    "amazon_ratings_2018": "Amazon ratings of 2018, CSV without header: item,user,rating,time",
    "yelp": "Yelp reviews, JSON lines (user_id, business_id, stars, date in UTC)",
}
