-- Each interaction's part under the split. Grain: one interaction. Key: place.
-- Inputs: numbered, split (one row).
with sizes as (
    select
        n.user_id,
        min(n.place) as first_place,
        case any_value(p.rule)
            when 'global_time' then count(*) filter (where n.timestamp < p.validation_from)
            else count(*) - 2 * any_value(p.held_out)
        end as num_train,
        case any_value(p.rule)
            when 'global_time' then count(*) filter (where n.timestamp < p.test_from)
            else count(*) - any_value(p.held_out)
        end as num_before_test
    from numbered as n
    cross join split as p
    group by n.user_id
)

select
    n.user_id,
    n.timestamp,
    n.place,
    case
        when n.place - s.first_place < s.num_train then 'train'
        when n.place - s.first_place < s.num_before_test then 'validation'
        else 'test'
    end as part
from numbered as n
inner join sizes as s on n.user_id = s.user_id
