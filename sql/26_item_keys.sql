-- Items numbered by first appearance in the dump; a working number, not the final id.
-- Grain: one item. Key: item. Input: kept.
select
    item,
    cast(row_number() over (order by min(row)) as integer) as item_key
from kept
group by item
