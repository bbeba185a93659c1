-- How many distinct items a user has in its training part, and the weight of its pairs: 1 for
-- cosine, 1 / log(1 + items) for inverse user frequency.
-- Grain: one user. Key: user_id. Inputs: train_part, policy.
select
    t.user_id,
    count(*) as num_items,
    case any_value(p.similarity)
        when 'iuf' then 1.0 / ln(1.0 + count(*))
        else 1.0
    end as weight
from train_part as t
cross join policy as p
group by t.user_id
