-- Interactions by number, so that the k-core never touches a string.
-- Grain: one interaction. Key: row. Inputs: kept, user_keys, item_keys.
select
    u.user_key,
    i.item_key,
    k.timestamp,
    k.row
from kept as k
inner join user_keys as u on k.user = u.user
inner join item_keys as i on k.item = i.item
