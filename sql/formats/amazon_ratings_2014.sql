-- Amazon ratings of 2014, CSV without header or quotes: user,item,rating,time.
-- Grain: one raw line. Key: row. Input: csv_lines (row, text, problem, fields).
select
    row,
    text,
    case
        when problem is null and len(fields) > 4 then 'not_csv'
        else problem
    end as problem,
    fields[1] as user,
    fields[2] as item,
    fields[3] as rating,
    fields[4] as time,
    try_cast(floor(try_cast(fields[4] as double)) as bigint) as seconds
from csv_lines
