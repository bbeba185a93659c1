-- The core with final ids. Grain: one interaction. Key: row. Inputs: edges, user_keys, item_keys,
-- users, items.
select
    u.user_id,
    i.item_id,
    e.timestamp,
    e.row
from edges as e
inner join user_keys as uk on e.user_key = uk.user_key
inner join users as u on uk.user = u.user
inner join item_keys as ik on e.item_key = ik.item_key
inner join items as i on ik.item = i.item
