-- Size of what is left, and how many users and items have too few.
-- Grain: one row in all. Inputs: edges, user_counts, item_counts. Settings: min_user_count,
-- min_item_count.
with users as (
    select
        count(*) as users,
        count(*) filter (where num_edges < getvariable('min_user_count')) as too_few
    from user_counts
),

items as (
    select
        count(*) as items,
        count(*) filter (where num_edges < getvariable('min_item_count')) as too_few
    from item_counts
)

select
    u.users,
    i.items,
    cast((select coalesce(sum(times), 0) from edges) as bigint) as interactions,
    u.too_few + i.too_few as too_few
from users as u
cross join items as i
