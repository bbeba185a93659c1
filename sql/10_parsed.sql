-- Every raw line, typed, with the first reason for which it cannot be used.
-- Grain: one raw line. Key: row. Input: fields (one of sql/formats/). Order: that of the input.
-- Times must lie in 1990..2099, so that milliseconds taken for seconds do not pass. A value with no
-- visible character is missing (what begins with visible ASCII needs no closer look); the last one
-- of a line still carries the line's end.
with typed as (
    select
        row,
        text,
        problem,
        user,
        item,
        time,
        seconds,
        rating as rating_text,
        try_cast(rating as float) as rating
    from fields
),

judged as (
    select
        row,
        text,
        user,
        item,
        seconds,
        rating,
        case
            when problem is not null then problem
            when not coalesce(ascii(user) between 33 and 126, false)
                and not coalesce(regexp_matches(user, '[^\s\p{Z}]'), false) then 'missing_user'
            when not coalesce(ascii(item) between 33 and 126, false)
                and not coalesce(regexp_matches(item, '[^\s\p{Z}]'), false) then 'missing_item'
            when seconds is null then case
                when coalesce(regexp_matches(time, '[^\s\p{Z}]'), false) then 'bad_time'
                else 'missing_time'
            end
            when seconds not between 631152000 and 4102444799 then 'time_out_of_range'
            when rating is null then case
                when coalesce(regexp_matches(rating_text, '[^\s\p{Z}]'), false) then 'bad_rating'
            end
            when not isfinite(rating) then 'bad_rating'
        end as reason
    from typed
)

select
    user,
    item,
    rating,
    seconds as timestamp,
    row,
    reason,
    case when reason is not null then left(rtrim(text, chr(13) || chr(10)), 500) end as line
from judged
