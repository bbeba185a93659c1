-- The file sequences.parquet. Grain: one user. Key: user_id. Input: sequences. Order: user_id.
select
    user_id,
    items,
    timestamps
from sequences
order by user_id
