-- The text form: "user item item ...", each line with its end.
-- Grain: one user. Key: user_id. Input: sequences. Order: user_id.
select user_id || ' ' || array_to_string(items, ' ') || chr(10) as line
from sequences
order by user_id
