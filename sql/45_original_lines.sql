-- The sequences in original ids, "USER:ITEM ITEM ...", each line with its end; sorted, so that the
-- digest of all lines does not depend on how users and items are numbered.
-- Grain: one user. Inputs: walk, users. Order: the line itself.
with listed as (
    select
        user_id,
        string_agg(item, ' ' order by place) as listed_items
    from walk
    group by user_id
),

spelt as (
    select u.user || ':' || l.listed_items as line
    from listed as l
    inner join users as u on l.user_id = u.user_id
)

select line || chr(10) as line
from spelt
order by spelt.line
