-- The core walked user by user, oldest first, ties in time by policy: in the order of the dump, or
-- by the item's id.
-- Grain: one interaction. Key: place. Inputs: survivors, users. Settings: ties.
select
    u.user_id,
    s.item,
    s.item_key,
    s.timestamp,
    row_number() over (
        order by
            u.user_id,
            s.timestamp,
            case getvariable('ties') when 'item' then s.item end,
            s.row
    ) as place
from survivors as s
inner join users as u on s.user_key = u.user_key
where s.is_core
