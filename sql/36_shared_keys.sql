-- How many numbers stand for more than one user or item among what is left; must be none.
-- Grain: one row in all. Input: survivors.
with shared_users as (
    select user_key
    from survivors
    group by user_key
    having min(user) != max(user)
),

shared_items as (
    select item_key
    from survivors
    where is_core
    group by item_key
    having min(item) != max(item)
)

select (select count(*) from shared_users) + (select count(*) from shared_items) as num_shared
