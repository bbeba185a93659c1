-- The file users.parquet. Grain: one user. Key: user_id. Input: users. Order: user_id.
select
    user_id,
    user
from users
order by user_id
