-- Users 1..n, in the order of their first appearance in the dump (before the k-core).
-- Grain: one user. Key: user_id. Inputs: edges, user_keys. Order: user_id.
select
    cast(row_number() over (order by k.user_key) as integer) as user_id,
    k.user
from user_keys as k
semi join edges as e on k.user_key = e.user_key
order by user_id
