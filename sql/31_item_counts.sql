-- How many edges each item has. Grain: one item. Key: item_key. Input: edges.
select
    item_key,
    count(*) as num_edges
from edges
group by item_key
