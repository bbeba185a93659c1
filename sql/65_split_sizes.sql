-- Size and time span of each part. Grain: one part. Input: parts. Order: part.
select
    part,
    count(distinct user_id) as users,
    count(*) as interactions,
    min(timestamp) as first_time,
    max(timestamp) as last_time
from parts
group by part
order by part
