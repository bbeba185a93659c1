-- How long the sequences are. Grain: one length. Key: length. Input: sequences. Order: length.
select
    len(items) as length,
    count(*) as users
from sequences
group by length
order by length
