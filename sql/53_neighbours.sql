-- The most similar items of each item in the chunk: the summed weight of the users of both, over
-- the root of the product of their numbers of users. Rounded to 12 places before ranking, so that
-- the order of a sum cannot matter; ties by the smaller id.
-- Grain: one item and rank. Key: (item_id, rank). Order: item_id, rank.
-- Inputs: train_part, train_sizes, item_loads. Settings: first_item, last_item, top.
with pairs as (
    select
        a.item_id,
        b.item_id as neighbour_id,
        sum(s.weight) as weight
    from train_part as a
    inner join train_part as b on a.user_id = b.user_id
    inner join train_sizes as s on a.user_id = s.user_id
    where
        a.item_id between getvariable('first_item') and getvariable('last_item')
        and a.item_id != b.item_id
    group by a.item_id, b.item_id
),

scored as (
    select
        p.item_id,
        p.neighbour_id,
        round(p.weight / sqrt(cast(x.num_users as double) * y.num_users), 12) as similarity
    from pairs as p
    inner join item_loads as x on p.item_id = x.item_id
    inner join item_loads as y on p.neighbour_id = y.item_id
),

ranked as (
    select
        item_id,
        neighbour_id,
        similarity,
        row_number() over (
            partition by item_id order by similarity desc, neighbour_id asc
        ) as place
    from scored
)

select
    item_id,
    cast(place as smallint) as rank,
    neighbour_id,
    cast(similarity as float) as similarity
from ranked
where place <= getvariable('top')
order by item_id, place
