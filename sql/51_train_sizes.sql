-- How many distinct items a user has in its training part, and the weight of its pairs: 1 for
-- cosine, 1 / log(1 + items) for inverse user frequency.
-- Grain: one user. Key: user_id. Input: train_part. Settings: similarity.
select
    user_id,
    count(*) as num_items,
    case getvariable('similarity')
        when 'iuf' then 1.0 / ln(1.0 + count(*))
        else 1.0
    end as weight
from train_part
group by user_id
