-- Size of what is left. Grain: one row in all. Input: edges.
select
    count(distinct user_key) as users,
    count(distinct item_key) as items,
    count(*) as interactions
from edges
