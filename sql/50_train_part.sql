-- Distinct items of each user's training input: the part that the split leaves to training, without
-- its last item, which is only a target (items[:-3] under leave-one-out).
-- Grain: one user and item. Key: (user_id, item_id). Input: sequences. Settings: rule, held_out,
-- validation_from.
with bounded as (
    select
        user_id,
        items,
        case getvariable('rule')
            when 'global_time'
                then len(list_filter(timestamps, lambda t: t < getvariable('validation_from')))
            else len(items) - 2 * getvariable('held_out')
        end as num_train
    from sequences
)

select
    user_id,
    unnest(list_distinct(items[1:num_train - 1])) as item_id
from bounded
where num_train > 1
