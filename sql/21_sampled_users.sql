-- The interactions of a share of the users, drawn by a digest of seed and id, so that a user's
-- fate depends on nothing else.
-- Grain: one interaction. Key: row. Inputs: kept, policy.
select
    k.user,
    k.item,
    k.rating,
    k.timestamp,
    k.row
from kept as k
cross join policy as p
where md5_number_lower(p.seed || ':' || k.user) < p.sample_users * 18446744073709551616.0
