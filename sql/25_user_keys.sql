-- Users numbered by first appearance in the dump, before the k-core.
-- Grain: one user. Key: user. Input: kept.
select
    user,
    cast(row_number() over (order by min(row)) as integer) as user_key
from kept
group by user
