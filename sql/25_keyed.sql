-- Interactions with a number for user and item: 64 bits of a hash, so that no string needs to be
-- looked up. Whether two strings share a number is checked on what is left (36_shared_keys).
-- Grain: one interaction. Key: row. Inputs: kept, policy.
select
    k.user,
    k.item,
    k.timestamp,
    k.row,
    hash(case when p.salt = '' then k.user else p.salt || k.user end) >> p.dropped_bits as user_key,
    hash(case when p.salt = '' then k.item else p.salt || k.item end) >> p.dropped_bits as item_key
from kept as k
cross join policy as p
