-- The good rows. Grain: one interaction. Key: row. Input: parsed. Order: row.
select
    user,
    item,
    rating,
    timestamp,
    row
from parsed
where reason is null
order by row
