-- Yelp reviews, one JSON object a line; dates are read as UTC.
-- Grain: one raw line. Key: row. Input: json_lines (row, text, json, problem).
with parsed as (
    select
        row,
        text,
        problem,
        json_extract_string(
            json, ['$.user_id', '$.business_id', '$.stars', '$.date']
        ) as fields
    from json_lines
)

select
    row,
    text,
    problem,
    fields[1] as user,
    fields[2] as item,
    fields[3] as rating,
    fields[4] as time,
    cast(epoch(try_strptime(fields[4], '%Y-%m-%d %H:%M:%S')) as bigint) as seconds
from parsed
