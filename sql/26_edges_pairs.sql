-- What the k-core counts: distinct pairs of user and item, and how often each is there.
-- Grain: one pair. Key: (user_key, item_key). Input: keyed.
select
    user_key,
    item_key,
    cast(count(*) as integer) as times
from keyed
group by user_key, item_key
