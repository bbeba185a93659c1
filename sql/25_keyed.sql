-- Interactions with a number for user and item: 64 bits of a hash, so that no string needs to be
-- looked up. Whether two strings share a number is checked on what is left (36_shared_keys).
-- Grain: one interaction. Key: row. Input: kept. Settings: salt, dropped_bits.
select
    user,
    item,
    timestamp,
    row,
    hash(case when getvariable('salt') = '' then user else getvariable('salt') || user end)
    >> getvariable('dropped_bits') as user_key,
    hash(case when getvariable('salt') = '' then item else getvariable('salt') || item end)
    >> getvariable('dropped_bits') as item_key
from kept
