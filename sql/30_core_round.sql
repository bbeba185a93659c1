-- One round of the k-core: what is left without the users and the items that have too few
-- interactions at the round's start. Grain: one interaction. Key: row. Inputs: edges, policy.
with enough_users as (
    select user_key
    from edges
    group by user_key
    having count(*) >= (select min_count from policy)
),

enough_items as (
    select item_key
    from edges
    group by item_key
    having count(*) >= (select min_count from policy)
)

select
    e.user_key,
    e.item_key,
    e.timestamp,
    e.row
from edges as e
semi join enough_users as u on e.user_key = u.user_key
semi join enough_items as i on e.item_key = i.item_key
