-- When the held-out parts of a split by time begin where the config does not say: after 80 % and
-- after 90 % of the interactions. Grain: one row in all. Input: numbered.
select
    quantile_disc(timestamp, 0.8) as validation_from,
    quantile_disc(timestamp, 0.9) as test_from
from numbered
