-- Any table, its times in the layout's unit, in its format, or as moments in ISO form (UTC).
-- Grain: one row of the table. Key: row. Input: columns (row, text, problem, user, item, rating,
-- time). Settings: time_unit, time_format.
select
    row,
    coalesce(text, concat_ws(' ', user, item, rating, time)) as text,
    problem,
    user,
    item,
    rating,
    time,
    case getvariable('time_unit')
        when 'seconds' then try_cast(floor(try_cast(time as double)) as bigint)
        when 'milliseconds' then try_cast(floor(try_cast(time as double) / 1e3) as bigint)
        when 'microseconds' then try_cast(floor(try_cast(time as double) / 1e6) as bigint)
        when 'nanoseconds' then try_cast(floor(try_cast(time as double) / 1e9) as bigint)
        when 'days' then try_cast(floor(try_cast(time as double) * 86400) as bigint)
        when 'format'
            then try_cast(
                floor(epoch(try_strptime(trim(time), getvariable('time_format')))) as bigint
            )
        else try_cast(floor(epoch(try_cast(trim(time) as timestamptz))) as bigint)
    end as seconds
from columns
