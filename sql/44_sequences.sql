-- One sequence a user, oldest first, ties in time by policy.
-- Grain: one user. Key: user_id. Input: numbered. Order: user_id.
select
    user_id,
    list(item_id order by place) as items,
    list(timestamp order by place) as timestamps
from numbered
group by user_id
order by user_id
