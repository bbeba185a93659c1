-- Size of what is left, and how many users and items have too few.
-- Grain: one row in all. Inputs: user_counts, item_counts, policy.
with users as (
    select
        count(*) as users,
        coalesce(sum(c.interactions), 0) as interactions,
        count(*) filter (where c.num_edges < p.min_user_count) as too_few
    from user_counts as c
    cross join policy as p
),

items as (
    select
        count(*) as items,
        count(*) filter (where c.num_edges < p.min_item_count) as too_few
    from item_counts as c
    cross join policy as p
)

select
    u.users,
    i.items,
    cast(u.interactions as bigint) as interactions,
    u.too_few + i.too_few as too_few
from users as u
cross join items as i
