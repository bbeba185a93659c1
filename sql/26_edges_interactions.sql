-- What the k-core counts: interactions. One byte says that each is there once, since this is the
-- largest table of all. Grain: one interaction. Input: keyed.
select
    user_key,
    item_key,
    cast(1 as utinyint) as times
from keyed
