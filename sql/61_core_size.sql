-- Interactions of the core. Grain: one row in all. Input: numbered.
select count(*) as interactions
from numbered
