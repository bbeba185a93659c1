-- How many lines there were, and how many could not be read. Grain: one row in all. Input: details.
select
    count(*) as num_rows,
    count(*) filter (where problem is not null or item is null) as rejects
from details
