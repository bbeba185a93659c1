-- The file items.parquet. Grain: one item. Key: item_id. Input: items. Order: item_id.
select
    item_id,
    item
from items
order by item_id
