-- The sequences in original ids, "USER:ITEM ITEM ...", each line with its end; sorted, so that the
-- digest of all lines does not depend on how users and items are numbered.
-- Grain: one user. Inputs: numbered, users, items. Order: the line itself.
with spelt as (
    select u.user || ':' || string_agg(i.item, ' ' order by n.timestamp, n.row) as line
    from numbered as n
    inner join users as u on n.user_id = u.user_id
    inner join items as i on n.item_id = i.item_id
    group by u.user_id, u.user
)

select line || chr(10) as line
from spelt
order by spelt.line
