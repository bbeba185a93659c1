-- Items 1..m by policy: by first appearance in the walk, by id, or by a digest of seed and id.
-- Grain: one item. Key: item_id. Input: walk. Settings: id_order, seed. Order: item_id.
with met as (
    select
        item_key,
        any_value(item) as item,
        min(place) as first_place
    from walk
    group by item_key
),

placed as (
    select
        item_key,
        item,
        case getvariable('id_order') when 'reference' then first_place end as first_place,
        case getvariable('id_order') when 'random' then md5(getvariable('seed') || ':' || item) end
            as draw
    from met
)

select
    cast(row_number() over (order by first_place, draw, item) as integer) as item_id,
    item,
    item_key
from placed
order by item_id
