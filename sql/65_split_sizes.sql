-- Size and time span of each part, and how many of its interactions are their user's first, which
-- cannot be predicted from anything. Grain: one part. Input: parts. Order: part.
select
    part,
    count(distinct user_id) as users,
    count(*) as interactions,
    count(*) filter (where is_first) as without_input,
    min(timestamp) as first_time,
    max(timestamp) as last_time
from parts
group by part
order by part
