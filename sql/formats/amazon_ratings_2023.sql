-- Amazon ratings of 2023, CSV without quotes: user,item,rating,milliseconds and, in some files, the
-- history of the user. Header lines are no rows.
-- Grain: one raw line. Key: row. Input: csv_lines (row, text, problem, fields).
select
    row,
    text,
    case
        when problem is null and len(fields) > 5 then 'not_csv'
        else problem
    end as problem,
    fields[1] as user,
    fields[2] as item,
    fields[3] as rating,
    fields[4] as time,
    try_cast(floor(try_cast(fields[4] as double) / 1000) as bigint) as seconds
from csv_lines
where not starts_with(text, 'user_id,parent_asin,')
