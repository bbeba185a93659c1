-- Each interaction's part under the split. Grain: one interaction. Key: place.
-- Input: numbered. Settings: rule, held_out, validation_from, test_from.
with sizes as (
    select
        user_id,
        min(place) as first_place,
        case getvariable('rule')
            when 'global_time'
                then count(*) filter (where timestamp < getvariable('validation_from'))
            else count(*) - 2 * getvariable('held_out')
        end as num_train,
        case getvariable('rule')
            when 'global_time' then count(*) filter (where timestamp < getvariable('test_from'))
            else count(*) - getvariable('held_out')
        end as num_before_test
    from numbered
    group by user_id
)

select
    n.user_id,
    n.timestamp,
    n.place,
    n.place = s.first_place as is_first,
    case
        when n.place - s.first_place < s.num_train then 'train'
        when n.place - s.first_place < s.num_before_test then 'validation'
        else 'test'
    end as part
from numbered as n
inner join sizes as s on n.user_id = s.user_id
