-- Amazon reviews of 2014 and 2018, one object a line, strict JSON or Python literals.
-- Grain: one raw line. Key: row. Input: json_lines (row, text, json, problem).
with parsed as (
    select
        row,
        text,
        problem,
        json_extract_string(
            json, ['$.reviewerID', '$.asin', '$.overall', '$.unixReviewTime']
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
    try_cast(floor(try_cast(fields[4] as double)) as bigint) as seconds
from parsed
