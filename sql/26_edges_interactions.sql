-- What the k-core counts: interactions. Grain: one interaction. Input: keyed.
select
    user_key,
    item_key,
    1 as times
from keyed
