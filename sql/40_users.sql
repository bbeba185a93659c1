-- Users 1..n by policy: in the order of their first appearance in the dump (before the k-core), by
-- id, or by a digest of seed and id.
-- Grain: one user. Key: user_id. Input: survivors. Settings: id_order, seed. Order: user_id.
with met as (
    select
        user_key,
        any_value(user) as user,
        min(row) as first_row
    from survivors
    group by user_key
),

placed as (
    select
        user_key,
        user,
        case getvariable('id_order') when 'reference' then first_row end as first_row,
        case getvariable('id_order') when 'random' then md5(getvariable('seed') || ':' || user) end
            as draw
    from met
)

select
    cast(row_number() over (order by first_row, draw, user) as integer) as user_id,
    user,
    user_key
from placed
order by user_id
