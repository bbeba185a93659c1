-- Amazon reviews of 2014 and 2018, one JSON object a line.
-- Grain: one raw line. Key: row. Input: lines (row, text, is_utf8).
with parsed as (
    select
        row,
        text,
        is_utf8,
        case
            when is_utf8 and json_valid(text) then json_extract_string(
                text, ['$.reviewerID', '$.asin', '$.overall', '$.unixReviewTime']
            )
        end as fields
    from lines
)

select
    row,
    text,
    case
        when not is_utf8 then 'not_utf8'
        when fields is not null then null
        when starts_with(ltrim(text), '{') then 'truncated'
        else 'not_json'
    end as problem,
    fields[1] as user,
    fields[2] as item,
    fields[3] as rating,
    fields[4] as time,
    try_cast(floor(try_cast(fields[4] as double)) as bigint) as seconds
from parsed
