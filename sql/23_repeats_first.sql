-- The first interaction of each user with each item; ties in time by row.
-- Grain: one user and item. Key: (user, item). Input: kept.
select
    user,
    item,
    rating,
    timestamp,
    row
from kept
qualify row_number() over (partition by user, item order by timestamp, row) = 1
