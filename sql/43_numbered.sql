-- The core with final ids. Grain: one interaction. Key: place. Inputs: walk, items.
select
    w.user_id,
    i.item_id,
    w.timestamp,
    w.place
from walk as w
inner join items as i on w.item_key = i.item_key
