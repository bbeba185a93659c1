-- Any table, its times in the layout's unit, in its format, or as moments in ISO form (UTC).
-- Grain: one row of the table. Key: row. Inputs: columns (row, text, problem, user, item, rating,
-- time), layout (one row); the variable time_format.
select
    c.row,
    coalesce(c.text, concat_ws(' ', c.user, c.item, c.rating, c.time)) as text,
    c.problem,
    c.user,
    c.item,
    c.rating,
    c.time,
    case p.time_unit
        when 'seconds' then try_cast(floor(try_cast(c.time as double)) as bigint)
        when 'milliseconds' then try_cast(floor(try_cast(c.time as double) / 1e3) as bigint)
        when 'microseconds' then try_cast(floor(try_cast(c.time as double) / 1e6) as bigint)
        when 'nanoseconds' then try_cast(floor(try_cast(c.time as double) / 1e9) as bigint)
        when 'days' then try_cast(floor(try_cast(c.time as double) * 86400) as bigint)
        when 'format'
            then try_cast(floor(epoch(try_strptime(c.time, getvariable('time_format')))) as bigint)
        else try_cast(floor(epoch(try_cast(c.time as timestamptz))) as bigint)
    end as seconds
from columns as c
cross join layout as p
