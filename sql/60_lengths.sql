-- Lengths of the sequences. Grain: one row in all. Input: sequences.
select
    min(len(items)) as shortest,
    median(len(items)) as median,
    avg(len(items)) as mean,
    max(len(items)) as longest
from sequences
