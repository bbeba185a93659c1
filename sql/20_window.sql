-- Interactions within the time window and the rating bound; both ends of the window belong to it.
-- Grain: one interaction. Key: row. Inputs: interactions, policy (one row).
select
    i.user,
    i.item,
    i.rating,
    i.timestamp,
    i.row
from interactions as i
cross join policy as p
where
    (p.since is null or i.timestamp >= p.since)
    and (p.until is null or i.timestamp <= p.until)
    and (p.min_rating is null or i.rating >= p.min_rating)
