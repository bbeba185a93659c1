-- Items 1..m by policy: by first appearance in the walk, by id, or by a digest of seed and id.
-- Grain: one item. Key: item_id. Inputs: walk, policy. Order: item_id.
with met as (
    select
        w.item,
        case any_value(p.id_order) when 'reference' then min(w.place) end as first_place,
        case any_value(p.id_order) when 'random' then md5(any_value(p.seed) || ':' || w.item) end
            as draw
    from walk as w
    cross join policy as p
    group by w.item
)

select
    cast(row_number() over (order by first_place, draw, item) as integer) as item_id,
    item
from met
order by item_id
