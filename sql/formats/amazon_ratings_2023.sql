-- Amazon ratings of 2023, CSV without quotes: user,item,rating,milliseconds and, in some files, the
-- history of the user. Header lines are no rows.
-- Grain: one raw line. Key: row. Input: lines (row, text, problem).
with parsed as (
    select
        row,
        text,
        problem,
        string_split(text, ',') as fields
    from lines
    where not starts_with(text, 'user_id,parent_asin,')
)

select
    row,
    text,
    case
        when problem is not null then problem
        when len(fields) in (4, 5) then null
        when len(fields) in (2, 3) then 'truncated'
        else 'not_csv'
    end as problem,
    fields[1] as user,
    fields[2] as item,
    fields[3] as rating,
    fields[4] as time,
    try_cast(floor(try_cast(fields[4] as double) / 1000) as bigint) as seconds
from parsed
