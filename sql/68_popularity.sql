-- How unevenly items are used: interactions of the items at ranks 1, 2, 4, ... and the last, and
-- the share of all interactions down to there.
-- Grain: one rank. Key: rank. Input: numbered. Order: rank.
with counted as (
    select
        item_id,
        count(*) as interactions
    from numbered
    group by item_id
),

ranked as (
    select
        interactions,
        row_number() over (order by interactions desc, item_id asc) as rank,
        sum(interactions) over (order by interactions desc, item_id asc) as running,
        sum(interactions) over () as total,
        count(*) over () as num_items
    from counted
)

select
    rank,
    interactions,
    round(running / total, 6) as share
from ranked
where log2(rank) = floor(log2(rank)) or rank = num_items
order by rank
