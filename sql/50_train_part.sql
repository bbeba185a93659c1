-- Distinct items of each user's training part, items[:-3].
-- Grain: one user and item. Key: (user_id, item_id). Input: sequences.
with train as (
    select
        user_id,
        unnest(list_distinct(items[1:len(items) - 3])) as item_id
    from sequences
    where len(items) > 3
)

select
    user_id,
    item_id
from train
