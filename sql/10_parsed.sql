-- Every raw line, typed, with the first reason for which it cannot be used.
-- Grain: one raw line. Key: row. Input: fields (one of sql/formats/).
-- Times must lie in 1990..2099, so that milliseconds taken for seconds do not pass. A value with no
-- visible character is missing; the last one of a line still carries the line's end.
with judged as (
    select
        row,
        text,
        user,
        item,
        seconds,
        try_cast(rating as float) as rating,
        case
            when problem is not null then problem
            when not coalesce(regexp_matches(user, '[^\s\p{Z}]'), false) then 'missing_user'
            when not coalesce(regexp_matches(item, '[^\s\p{Z}]'), false) then 'missing_item'
            when not coalesce(regexp_matches(time, '[^\s\p{Z}]'), false) then 'missing_time'
            when seconds is null then 'bad_time'
            when seconds not between 631152000 and 4102444799 then 'bad_time'
            when not coalesce(regexp_matches(rating, '[^\s\p{Z}]'), false) then null
            when not coalesce(isfinite(try_cast(rating as float)), false) then 'bad_rating'
        end as reason
    from fields
)

select
    row,
    reason,
    case when reason is null then user end as user,
    case when reason is null then item end as item,
    case when reason is null then rating end as rating,
    case when reason is null then seconds end as timestamp,
    case when reason is not null then left(rtrim(text, chr(13) || chr(10)), 500) end as line
from judged
