-- Users 1..n by policy: in the order of their first appearance in the dump (before the k-core), by
-- id, or by a digest of seed and id.
-- Grain: one user. Key: user_id. Inputs: survivors, policy. Order: user_id.
with met as (
    select
        s.user,
        case any_value(p.id_order) when 'reference' then min(s.row) end as first_row,
        case any_value(p.id_order) when 'random' then md5(any_value(p.seed) || ':' || s.user) end
            as draw
    from survivors as s
    cross join policy as p
    group by s.user
)

select
    cast(row_number() over (order by first_row, draw, user) as integer) as user_id,
    user
from met
order by user_id
