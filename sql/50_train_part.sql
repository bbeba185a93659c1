-- Distinct items of each user's training input: the part that the split leaves to training, without
-- its last item, which is only a target (items[:-3] under leave-one-out).
-- Grain: one user and item. Key: (user_id, item_id). Inputs: sequences, split (one row).
with bounded as (
    select
        s.user_id,
        s.items,
        case p.rule
            when 'global_time'
                then len(list_filter(s.timestamps, lambda t: t < p.validation_from))
            else len(s.items) - 2 * p.held_out
        end as num_train
    from sequences as s
    cross join split as p
)

select
    user_id,
    unnest(list_distinct(items[1:num_train - 1])) as item_id
from bounded
where num_train > 1
