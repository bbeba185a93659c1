-- Each row once: of rows equal in user, item, rating and time, the first in the dump.
-- Grain: one user, item, rating and time. Key: row. Input: kept.
select
    user,
    item,
    rating,
    timestamp,
    min(row) as row
from kept
group by user, item, rating, timestamp
