-- Interactions over time. Grain: one month. Key: month. Input: numbered. Order: month.
select
    strftime(make_timestamp(timestamp * 1000000), '%Y-%m') as month,
    count(*) as interactions
from numbered
group by month
order by month
