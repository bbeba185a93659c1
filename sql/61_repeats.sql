-- Repeats of an item by a user in the core: distinct pairs of user and item, those met more than
-- once, and the interactions beyond the first. Grain: one row in all. Input: numbered.
with pairs as (
    select
        user_id,
        item_id,
        count(*) as times
    from numbered
    group by user_id, item_id
)

select
    count(*) as distinct_pairs,
    count(*) filter (where times > 1) as pairs,
    coalesce(sum(times - 1), 0) as interactions,
    count(distinct user_id) filter (where times > 1) as users
from pairs
