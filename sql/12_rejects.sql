-- The bad rows and why. Grain: one rejected line. Key: row. Input: parsed. Order: row.
select
    row,
    reason,
    line
from parsed
where reason is not null
order by row
