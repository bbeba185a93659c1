-- Leakage in time: test targets older than some training interaction of another user, and what
-- share of the others' training interactions is newer than a target, on average. A user's own
-- training interactions are never newer than its test target.
-- Grain: one row in all. Input: parts.
with latest as (
    select
        user_id,
        max(timestamp) as newest
    from parts
    where part = 'train'
    group by user_id
    order by newest desc, user_id asc
    limit 2
),

moments as (
    select
        timestamp,
        sum(count(*)) over (order by timestamp) as up_to_here
    from parts
    where part = 'train'
    group by timestamp
),

total as (
    select count(*) as num_train
    from parts
    where part = 'train'
),

judged as (
    select
        t.place,
        coalesce(
            t.timestamp < (select max(l.newest) from latest as l where l.user_id != t.user_id),
            false
        ) as is_leak,
        total.num_train,
        total.num_train - coalesce(m.up_to_here, 0) as num_newer
    from parts as t
    cross join total
    asof left join moments as m on t.timestamp >= m.timestamp
    where t.part = 'test'
)

select
    count(*) as test_targets,
    count(*) filter (where is_leak) as targets_older_than_training,
    round(sum(num_newer) / greatest(sum(num_train), 1), 9) as mean_share_of_training_newer
from judged
