-- Amazon ratings of 2014, CSV without header or quotes: user,item,rating,time.
-- Grain: one raw line. Key: row. Input: lines (row, text, problem).
with parsed as (
    select
        row,
        text,
        problem,
        string_split(text, ',') as fields
    from lines
)

select
    row,
    text,
    case
        when problem is not null then problem
        when len(fields) = 4 then null
        when len(fields) in (2, 3) then 'truncated'
        else 'not_csv'
    end as problem,
    fields[1] as user,
    fields[2] as item,
    fields[3] as rating,
    fields[4] as time,
    try_cast(floor(try_cast(fields[4] as double)) as bigint) as seconds
from parsed
