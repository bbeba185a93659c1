-- How many edges each user has. Grain: one user. Key: user_key. Input: edges.
select
    user_key,
    count(*) as num_edges
from edges
group by user_key
