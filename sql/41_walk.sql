-- The core walked user by user, oldest first, ties in time by policy: in the order of the dump, or
-- by the item's id. Grain: one interaction. Key: place. Inputs: survivors, users, policy.
select
    u.user_id,
    s.item,
    s.timestamp,
    s.row,
    row_number() over (
        order by u.user_id, s.timestamp, case p.ties when 'item' then s.item end, s.row
    ) as place
from survivors as s
inner join users as u on s.user = u.user
cross join policy as p
where s.is_core
