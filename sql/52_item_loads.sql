-- How many users an item has, and how many pairs its users make with it; pairs are cut into
-- chunks by this, so that memory stays bounded. Grain: one item. Order: item_id.
-- Inputs: train_part, train_sizes.
select
    t.item_id,
    count(*) as num_users,
    cast(sum(s.num_items) as bigint) as num_pairs
from train_part as t
inner join train_sizes as s on t.user_id = s.user_id
group by t.item_id
order by t.item_id
