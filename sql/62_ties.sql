-- Users whose order depends on the tie rule: different items at one time; and users who have
-- different items at their last time, so that the rule decides what is the test target.
-- Grain: one row in all. Input: numbered.
with moments as (
    select
        user_id,
        timestamp,
        min(item_id) != max(item_id) as differ
    from numbered
    group by user_id, timestamp
),

by_user as (
    select
        user_id,
        bool_or(differ) as has_tie,
        arg_max(differ, timestamp) as last_two_tie
    from moments
    group by user_id
)

select
    count(*) as users,
    count(*) filter (where has_tie) as users_with_ties,
    count(*) filter (where last_two_tie) as users_with_last_two_tied
from by_user
