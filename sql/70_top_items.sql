-- The items most often met. Grain: one item. Key: item_id. Inputs: numbered, items. Order: most
-- first.
select
    n.item_id,
    any_value(i.item) as item,
    count(*) as interactions
from numbered as n
inner join items as i on n.item_id = i.item_id
group by n.item_id
order by interactions desc, n.item_id asc
limit 10
