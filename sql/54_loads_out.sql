-- Pairs that each item makes. Grain: one item. Key: item_id. Input: item_loads. Order: item_id.
select
    item_id,
    num_pairs
from item_loads
order by item_id
