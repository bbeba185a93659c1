-- How many lines each reason would set aside. Grain: one reason. Input: parsed. Order: most first.
select
    reason,
    count(*) as num_rows
from parsed
where reason is not null
group by reason
order by num_rows desc, reason asc
