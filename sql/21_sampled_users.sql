-- The interactions of a share of the users, drawn by a digest of seed and id, so that a user's
-- fate depends on nothing else.
-- Grain: one interaction. Key: row. Input: kept. Settings: seed, sample_users.
select
    user,
    item,
    rating,
    timestamp,
    row
from kept
where
    md5_number_lower(getvariable('seed') || ':' || user)
    < getvariable('sample_users') * 18446744073709551616.0
