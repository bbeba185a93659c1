-- How many edges and interactions each user has. Grain: one user. Key: user_key. Input: edges.
select
    user_key,
    count(*) as num_edges,
    sum(times) as interactions
from edges
group by user_key
