-- Items 1..m, by first appearance when the users are walked in order through their sequences.
-- Grain: one item. Key: item_id. Inputs: edges, item_keys. Order: item_id.
with walked as (
    select
        item_key,
        row_number() over (order by user_key, timestamp, row) as step
    from edges
),

met as (
    select
        item_key,
        min(step) as step
    from walked
    group by item_key
)

select
    cast(row_number() over (order by met.step) as integer) as item_id,
    k.item
from met
inner join item_keys as k on met.item_key = k.item_key
order by item_id
