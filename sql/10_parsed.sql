-- Every raw line, typed, with the first reason for which it cannot be used.
-- Grain: one raw line. Key: row. Input: fields (one of sql/formats/).
-- Times must lie in 1990..2099, so that milliseconds taken for seconds do not pass.
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
            when coalesce(trim(user), '') = '' then 'missing_user'
            when coalesce(trim(item), '') = '' then 'missing_item'
            when coalesce(trim(time), '') = '' then 'missing_time'
            when seconds is null then 'bad_time'
            when seconds not between 631152000 and 4102444799 then 'bad_time'
            when coalesce(trim(rating), '') = '' then null
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
    case when reason is not null then left(text, 500) end as line
from judged
