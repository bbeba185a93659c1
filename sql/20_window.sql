-- Interactions within the time window and the rating bound; both ends of the window belong to it.
-- Grain: one interaction. Key: row. Input: interactions. Settings: since, until, min_rating.
select
    user,
    item,
    rating,
    timestamp,
    row
from interactions
where
    (getvariable('since') is null or timestamp >= getvariable('since'))
    and (getvariable('until') is null or timestamp <= getvariable('until'))
    and (getvariable('min_rating') is null or rating >= cast(getvariable('min_rating') as float))
