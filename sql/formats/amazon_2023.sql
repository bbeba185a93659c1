-- Amazon reviews of 2023, one JSON object a line; times in milliseconds. The item is the parent
-- product, as in the published rating files; the variant where a line has no parent.
-- Grain: one raw line. Key: row. Input: json_lines (row, text, json, problem).
with parsed as (
    select
        row,
        text,
        problem,
        json_extract_string(
            json, ['$.user_id', '$.parent_asin', '$.rating', '$.timestamp', '$.asin']
        ) as fields
    from json_lines
)

select
    row,
    text,
    problem,
    fields[1] as user,
    coalesce(fields[2], fields[5]) as item,
    fields[3] as rating,
    fields[4] as time,
    try_cast(floor(try_cast(fields[4] as double) / 1000) as bigint) as seconds
from parsed
