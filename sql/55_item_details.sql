-- What is known of the items of the core; of several lines about one item the first.
-- Grain: one item. Key: item_id. Inputs: details, items. Order: item_id.
select
    i.item_id,
    d.title,
    d.brand,
    d.categories
from items as i
inner join details as d on i.item = d.item
where
    d.problem is null
    and (d.title is not null or d.brand is not null or len(d.categories) > 0)
qualify row_number() over (partition by i.item_id order by d.row) = 1
order by i.item_id
